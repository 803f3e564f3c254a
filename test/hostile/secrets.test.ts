/** A secret that a check, a hook, a task and a service shout in every way they know is nowhere to be read afterwards. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProject, type ProjectUnderTest } from '../system/project-under-test.ts'
import { smallShop, webAnswering } from '../system/small-shop.ts'

const secret = `correct "horse"/b@ttery's <staple>&$(id) 100%\nsecond line of the secret`

/** Prints the secret of its environment in the encodings of the day, in pieces, coloured, and without a line end. */
const shout = `
const value = process.env.TOKEN ?? 'none'
const percent = encodeURIComponent(value)
const html = value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;').replace(/'/g, '&#39;')
const said = [value, JSON.stringify({ value }), JSON.stringify(JSON.stringify({ value })), percent, percent.toLowerCase()]
said.push(new URLSearchParams({ value }).toString(), html, "'" + value.replace(/'/g, "'\\\\''") + "'")
for (const lead of ['', 'x', 'xy']) for (const encoding of ['base64', 'base64url', 'hex'])
  said.push(Buffer.from(lead + value + lead).toString(encoding), Buffer.from(lead + value).toString(encoding).toUpperCase().repeat(encoding === 'hex' ? 1 : 0))
for (const [at, line] of said.entries()) process.stdout.write('way ' + at + ' ' + line + '\\n')
process.stderr.write('red ' + value.split('').join('\\u001b[31m') + '\\u001b[0m\\n')
const [first] = value.split('\\n')
process.stdout.write('piece by piece ' + first.slice(0, 9))
setTimeout(() => process.stdout.write(first.slice(9) + '\\nand without an end: ' + first), 150)
`

/** What of it nobody may find: itself and its lines; and, of each encoding, a part that depends on nothing else. */
function traces(): string[] {
  const lines = secret.split('\n')
  const inner = (lead: string, encoding: BufferEncoding) =>
    Buffer.from(`${lead}${secret}`).toString(encoding).slice(8, 40)
  return [
    ...[...lines, 'b@ttery', 'staple', 'second line'],
    ...['', 'x', 'xy'].flatMap((lead) => [inner(lead, 'base64'), inner(lead, 'base64url'), inner(lead, 'hex')]),
    inner('', 'hex').toUpperCase(),
    ...[encodeURIComponent('"/b@tt'), encodeURIComponent('"/b@tt').toLowerCase(), 'b%40ttery'],
    ...['&lt;staple', 'second+line'],
  ]
}

async function everythingKept({ remote, home }: ProjectUnderTest): Promise<string> {
  const refs = Object.keys(await remote.refs()).filter((ref) => ref.startsWith('refs/trunkline/'))
  assert.ok(refs.length > 0)
  const history = await Promise.all(refs.map((ref) => remote.git('log', '--patch', '--format=fuller', ref)))
  const folder = join(home, 'artifacts')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  return [
    ...history,
    ...(await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))),
  ].join('\n')
}

test('shouted in every encoding, it is in no output, no --json, no ledger and no artifact', async () => {
  const hook = {
    name: 'migrate',
    run: 'node shout.js; test -e /nonexistent-$RANDOM || test "$TOKEN" = nothing',
    service: 'web',
  }
  await using project = await openProject({
    files: {
      ...smallShop({
        services: {
          web: {
            env: { TOKEN: { from: 'TOKEN', secret: true } },
            checks: { shout: { run: 'node web/shout.js', passEnv: ['TOKEN'] } },
          },
        },
        environments: { stage: { variables: { prefix: 'STAGE_' } }, prod: null },
        tasks: { shout: { service: 'web', run: 'node shout.js' } },
      }),
      'web/shout.js': shout,
      'web/main.js': `require('./shout.js')\n${webAnswering('one')}`,
    },
    environment: { TOKEN: secret, STAGE_TOKEN: secret, CI: 'true', TRUNKLINE_VERBOSE: '1' },
  })
  const said: string[] = []
  const say = async (exitCode: number, ...words: string[]) => {
    const { stdout, stderr, ...ended } = await project.trunkline(words, { timeoutMs: 120_000 })
    assert.equal(ended.exitCode, exitCode, `${words.join(' ')}: ${stdout}${stderr}`)
    said.push(`trunkline ${words.join(' ')}`, stdout, stderr)
    return stdout + stderr
  }
  assert.match(await say(0, 'deliver'), /way 3 •••/)
  assert.match(await say(0, 'run', 'stage', 'shout'), /piece by piece •••/)
  assert.match(await say(0, 'run', 'stage', 'shout', '--json'), /way 3 •••/)
  assert.match(await say(0, 'logs', 'stage', 'web'), /red •••/)
  await say(0, 'logs', 'stage', 'web', '--json')
  await project.push('a hook that fails', {
    'trunkline.yaml': (await readFile(join(project.clone.directory, 'trunkline.yaml'), 'utf8')).replace(
      '"variables": {',
      `"hooks": { "before": [${JSON.stringify(hook)}] }, "variables": {`,
    ),
    'web/more.txt': 'more',
  })
  assert.match(await say(1, 'deliver'), /way 3 •••/)
  await say(0, 'log', 'stage', '--json')
  await say(0, 'status')
  const everything = [...said, await everythingKept(project)].join('\n')
  assert.ok(everything.includes('migrate'), 'it looked at the right things')
  for (const trace of traces()) {
    const at = everything.indexOf(trace)
    // The files of the project are ours to read: only `shout.js` is, and it has none of it.
    assert.equal(at, -1, `${trace} in: ${everything.slice(Math.max(0, at - 300), at + 300)}`)
  }
})
