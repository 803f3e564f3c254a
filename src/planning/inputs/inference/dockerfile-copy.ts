/** What an image takes from outside its service's folder: `COPY` and `ADD`, seen from the context they are run in. */
import { type Reason, reason, type Service } from '../../../model/index.ts'
import { type Claim, claimFile, createClaim, type Inference, nothingInferred } from '../claim.ts'
import type { CommitView, Positions } from '../commit-view.ts'
import { directoryOf, folderName, joinPath } from '../repository-path.ts'
import { type DockerfileCopy, parseDockerfile } from './dockerfile.ts'
import { parseDockerignore } from './dockerignore.ts'
import { programOf, type SimpleCommand, simpleCommands } from './simple-commands.ts'

/** One image build: by a command that can be read, or a Dockerfile that lies in the service's folder. */
type ImageBuild = {
  dockerfile: string
  /** null: not said; found out from what the sources mean. */
  context: string | null
  buildArguments: ReadonlyMap<string, string> | null
  target: string | null
}

const builders: ReadonlySet<string> = new Set(['docker', 'podman', 'buildah', 'nerdctl', 'img'])

export function createDockerfileRule(view: CommitView) {
  return (service: Service): Inference => {
    const notes: Reason[] = []
    const builds = imageBuilds(view, service, notes)
    if (builds.length === 0 && notes.length === 0) return nothingInferred
    return {
      ...nothingInferred,
      claims: builds.flatMap((build) => claimsOf(view, service, build, notes)),
      notes,
    }
  }
}

/** The one that its artifact is; else builds that the service's command names; else the Dockerfiles in its folder. */
function imageBuilds(view: CommitView, service: Service, notes: Reason[]): ImageBuild[] {
  const { artifact } = service
  if (artifact.kind === 'dockerfile') {
    const { dockerfile, context, target, args } = artifact
    return [{ dockerfile, context, target, buildArguments: new Map(Object.entries(args)) }]
  }
  const named = simpleCommands(service.build?.run ?? '').flatMap((command) => {
    if (!isImageBuild(command)) return []
    const build = readImageBuild(command)
    if (build !== null) return [build]
    notes.push(
      reason(
        'docker-command-unclear',
        `the Dockerfile or context of \`${command.words.map((word) => word ?? '$…').join(' ')}\` is not plain`,
        {
          hint: 'Declare what the image copies under inputs.',
        },
      ),
    )
    return []
  })
  if (named.length > 0 || notes.length > 0 || service.path === null) return named
  return view
    .childrenNamed(service.path, /^(?:Dockerfile|Containerfile)(?:\.(?!.*dockerignore$)[\w.-]+)?$|\.Dockerfile$/)
    .map((position) => ({ dockerfile: view.entry(position).path, context: null, buildArguments: null, target: null }))
}

const isImageBuild = (command: SimpleCommand): boolean =>
  builders.has(programOf(command) ?? '') && command.words.slice(1, 4).some((word) => word === 'build' || word === 'bud')

/** Options of `docker build` that take no value; any other takes the next word. */
const flagsWithoutValue =
  /^(?:--(?:pull|push|load|no-cache|quiet|rm|force-rm|squash|compress|check|debug|provenance|sbom)|-[qD])$/

function readImageBuild(command: SimpleCommand): ImageBuild | null {
  if (command.directory === null) return null
  const words = command.words.slice(command.words.findIndex((word) => word === 'build' || word === 'bud') + 1)
  const buildArguments = new Map<string, string>()
  const isUnknown = { arguments: false }
  let file: string | null | undefined
  let target: string | null = null
  const positional: Array<string | null> = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? null
    if (word === null || !word.startsWith('-') || word === '-') {
      positional.push(word)
      continue
    }
    const equals = word.startsWith('--') ? word.indexOf('=') : -1
    const option = equals < 0 ? word : word.slice(0, equals)
    if (flagsWithoutValue.test(option)) continue
    if (equals < 0) at += 1
    const value = equals < 0 ? (words[at] ?? null) : word.slice(equals + 1)
    if (option === '-f' || option === '--file') file = value
    else if (option === '--target') target = value
    else if (option === '--build-arg') {
      const split = value?.indexOf('=') ?? -1
      if (value === null) isUnknown.arguments = true
      else if (split >= 0) buildArguments.set(value.slice(0, split), value.slice(split + 1))
    }
  }
  const [contextWord] = positional
  if (typeof contextWord !== 'string' || file === null || /^(?:-|https?:|git@)/.test(contextWord)) return null
  const context = joinPath(command.directory, contextWord)
  if (context === null) return null
  const dockerfile = file === undefined ? joinPath(context, 'Dockerfile') : joinPath(command.directory, file)
  if (dockerfile === null) return null
  return { dockerfile, context, target, buildArguments: isUnknown.arguments ? null : buildArguments }
}

function claimsOf(view: CommitView, service: Service, build: ImageBuild, notes: Reason[]): Claim[] {
  const { dockerfile } = build
  if (view.find(dockerfile) < 0) {
    notes.push(
      reason('dockerfile-missing', `the build names ${dockerfile}, and there is no such file`, { file: dockerfile }),
    )
    return []
  }
  const text = view.read(dockerfile)
  if (text === null) return []
  const copies = parseDockerfile(text, build)
  noteUnknown(dockerfile, copies, notes)
  const known = copies.flatMap((copy) => (copy.source === null ? [] : [{ ...copy, source: copy.source }]))
  const context = build.context ?? contextOf(view, dockerfile, known)
  const claims = claimFile(view, dockerfile, { rule: 'dockerfile-copy', because: 'the image is built from it' })
  if (context === null) {
    notes.push(
      reason('dockerfile-context-unknown', `no one context has all that ${dockerfile} copies`, {
        file: dockerfile,
        hint: 'Declare what the image copies under inputs.',
      }),
    )
    return claims
  }
  const ignore = readIgnore(view, dockerfile, context)
  claims.push(...ignore.claims)
  for (const copy of known)
    claims.push(...copyClaims(view, service, { dockerfile, context, copy, isIgnored: ignore.isIgnored, notes }))
  return claims
}

function noteUnknown(dockerfile: string, copies: readonly DockerfileCopy[], notes: Reason[]): void {
  for (const { source, written, line } of copies) {
    if (source !== null) continue
    notes.push(
      reason('dockerfile-variable', `${dockerfile}:${line} copies ${written}, whose value is not known`, {
        file: dockerfile,
        hint: 'Declare what it copies under inputs.',
      }),
    )
  }
}

/** The Dockerfile's own folder, or the root: the one from which every source is there. */
function contextOf(view: CommitView, dockerfile: string, copies: readonly { source: string }[]): string | null {
  const hasAll = (context: string): boolean =>
    copies.every(({ source }) => isWholeContext(source) || sourcePositions(view, context, source).length > 0)
  const own = directoryOf(dockerfile)
  return hasAll(own) ? own : hasAll('') ? '' : null
}

const isWholeContext = (source: string): boolean => /^[./]*\*{0,2}$/.test(source) && !source.includes('..')

/** Sources are relative to the context even with a leading `/`, and cannot leave it. */
function sourcePositions(view: CommitView, context: string, source: string): Positions {
  const inside = joinPath('', source.replace(/^\/+/, '')) ?? source.replace(/^(?:\.\.\/)+/, '')
  return view.match(context === '' ? inside : `${context}/${inside}`)
}

function copyClaims(
  view: CommitView,
  service: Service,
  from: {
    dockerfile: string
    context: string
    copy: { source: string; written: string; line: number }
    /** null: nothing is. */
    isIgnored: ((path: string) => boolean) | null
    notes: Reason[]
  },
): Claim[] {
  const { dockerfile, context, copy, notes } = from
  if (isWholeContext(copy.source)) {
    if (context === service.path) return []
    // `COPY . .` takes whatever is there, and a build has only its inputs there: the whole repository would be
    // everybody's input for nothing. A file that is missing fails the build in the open; it is never stale.
    const message = `${dockerfile}:${copy.line} copies all of ${folderName(context)}: it gets what the other inputs bring`
    notes.push(
      reason('dockerfile-whole-context', message, {
        file: dockerfile,
        hint: 'Declare under inputs what the image needs beyond that.',
      }),
    )
    return []
  }
  const prefixLength = context === '' ? 0 : context.length + 1
  const matched = sourcePositions(view, context, copy.source)
  const because = `${dockerfile}:${copy.line} copies ${copy.written}`
  if (matched.length === 0) {
    notes.push(
      reason('dockerfile-source-missing', `${because}, and there is nothing`, {
        file: dockerfile,
        hint: 'If it is generated, declare what it is generated from under inputs.',
      }),
    )
    return []
  }
  const { isIgnored } = from
  const positions =
    isIgnored === null
      ? matched
      : matched.filter((position) => !isIgnored(view.entry(position).path.slice(prefixLength)))
  const input = joinPath(context, copy.source.replace(/^\/+/, '')) ?? copy.source
  return [createClaim({ positions, input, rule: 'dockerfile-copy', because })]
}

/** `<Dockerfile>.dockerignore` goes before the context's own. */
function readIgnore(view: CommitView, dockerfile: string, context: string) {
  const candidates = [`${dockerfile}.dockerignore`, context === '' ? '.dockerignore' : `${context}/.dockerignore`]
  const path = candidates.find((candidate) => view.find(candidate) >= 0)
  if (path === undefined) return { claims: [], isIgnored: null }
  return {
    claims: claimFile(view, path, { rule: 'dockerfile-copy', because: `it decides what ${dockerfile} may copy` }),
    isIgnored: parseDockerignore(view.read(path) ?? ''),
  }
}
