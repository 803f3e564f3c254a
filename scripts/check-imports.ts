/**
 * The direction of imports (docs/architecture.md), enforced: pure rooms import no I/O, adapters are known only to the
 * places that list them. Fails with each import that goes the wrong way.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

const everything = '*'

/** Room to the rooms it may import; a path with a slash allows that file or folder alone. */
const mayImport: Record<string, readonly string[] | typeof everything> = {
  model: [],
  hashing: [],
  ports: ['model'],
  planning: ['model', 'hashing', 'config/yaml-depth.ts'],
  rollout: ['model'],
  home: ['hashing'],
  process: ['model'],
  program: [],
  masking: ['model'],
  config: ['model', 'signing/public-key.ts'],
  clock: ['model', 'ports'],
  aws: ['model', 'ports', 'clock', 'hashing'],
  git: ['model', 'ports', 'process', 'hashing'],
  signing: ['model', 'ports', 'process'],
  ledger: ['model', 'hashing', 'ports', 'signing'],
  variables: ['model', 'ports', 'aws'],
  probing: ['model', 'ports', 'clock', 'masking'],
  artifacts: ['model', 'ports', 'hashing', 'process', 'aws'],
  building: ['model', 'ports', 'hashing', 'process', 'masking', 'home', 'artifacts', 'aws', 'planning/inputs'],
  targets: [
    'model',
    'ports',
    'hashing',
    'process',
    'masking',
    'home',
    'rollout',
    'artifacts',
    'aws',
    'clock',
    'program',
    'kubernetes-api',
    // GitOps writes to a repository of manifests, of which it keeps a cache as those of state are kept.
    'git',
    'config/yaml-depth.ts',
  ],
  'kubernetes-api': ['model', 'process', 'aws', 'clock'],
  workplaces: ['model', 'ports', 'hashing', 'masking', 'home', 'artifacts', 'building', 'aws', 'kubernetes-api'],
  notifications: ['model', 'ports', 'masking', 'hashing'],
  delivery: [
    'model',
    'hashing',
    'ports',
    'planning',
    'ledger',
    'masking',
    'config/combine.ts',
    'variables/resolve-variables.ts',
    'artifacts/provenance.ts',
    'artifacts/sbom/bill-of-materials.ts',
    'artifacts/sbom/lockfile-names.ts',
    'artifacts/copy-artifact.ts',
  ],
  reporting: ['model', 'ports', 'planning', 'ledger', 'delivery'],
  doctor: everything,
  demo: everything,
  cli: everything,
}

/** Rooms that must work in a simulated world: no I/O, no clock of their own, no chance. */
const pure = new Set(['model', 'hashing', 'planning', 'rollout'])
const impure =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\bsetTimeout\(|\bsetInterval\(|\bprocess\.(?!versions)/
const pureNodeModules = new Set(['node:crypto', 'node:path/posix', 'node:path', 'node:util', 'node:buffer'])

const problems: string[] = []
for (const file of globSync('src/**/*.ts').sort()) {
  const [, room = ''] = file.split('/')
  const allowed = mayImport[room]
  if (allowed === undefined) {
    problems.push(`${file}: the room ${room} is not in scripts/check-imports.ts; say what it may import`)
    continue
  }
  const text = readFileSync(file, 'utf8')
  const isPure = pure.has(room)
  if (isPure) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    const found = impure.exec(code)
    if (found) problems.push(`${file}: a pure room must not use ${found[0]}`)
  }
  for (const [, specifier = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
    if (specifier.startsWith('node:')) {
      if (isPure && !pureNodeModules.has(specifier)) problems.push(`${file}: a pure room must not import ${specifier}`)
      continue
    }
    if (!specifier.startsWith('.')) continue
    const target = relative('src', normalize(join(dirname(file), specifier)))
    const [targetRoom = ''] = target.split('/')
    if (targetRoom === room || target.startsWith('..') || allowed === everything) continue
    const isAllowed = allowed.some((entry) =>
      entry.includes('/') ? target === entry || target.startsWith(`${entry}/`) : entry === targetRoom,
    )
    if (!isAllowed) problems.push(`${file}: ${room} must not import ${target}`)
  }
}
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
console.log('imports go the right way')
