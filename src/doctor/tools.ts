/** The programs that deliveries call. */
import { createToolVerifier } from '../building/tool-versions.ts'
import type { Invocation } from '../cli/command.ts'
import type { Project } from '../model/index.ts'
import { runProcess } from '../process/index.ts'
import { bad, type Finding } from './finding.ts'

const toolTimeoutMs = 10_000
/** `--atomic` pushes over HTTP, `cat-file --batch`, `--force-with-lease=<ref>:<expected>` have been there since. */
const oldestGit = [2, 30] as const

export async function examineGit({ io, signal }: Invocation): Promise<Finding> {
  try {
    const env = definedVariables(io.environment)
    const ended = await runProcess({ argv: ['git', '--version'], env, timeoutMs: toolTimeoutMs, signal })
    const text = ended.stdout.toString('utf8').trim()
    const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(text)?.slice(1) ?? []).map(Number)
    const isOld = major < oldestGit[0] || (major === oldestGit[0] && minor < oldestGit[1])
    if (!isOld) return { about: 'git', verdict: 'good', message: text }
    const hint = `Trunkline needs git ${oldestGit.join('.')} or newer`
    return { about: 'git', verdict: 'bad', message: `${text} is too old`, hint }
  } catch (error) {
    return { ...bad('git', error), hint: 'install git' }
  }
}

/** What builds from Dockerfiles, where a service wants that. */
export async function examineImageBuilder({ io, signal }: Invocation, project: Project): Promise<Finding[]> {
  const wanted = Object.values(project.services).filter(({ artifact }) => artifact.kind === 'dockerfile')
  if (wanted.length === 0) return []
  const about = 'images'
  const { findContainerTool } = await import('../building/images/container-tool.ts')
  return [
    await findContainerTool({ environment: io.environment, signal }).then(
      ({ version }): Finding => ({ about, verdict: 'good', message: `Dockerfiles are built with ${version}` }),
      (error: unknown) => bad(about, error),
    ),
  ]
}

/** The tools that builds declare, looked at as a build does. */
export async function examineTools({ io, signal }: Invocation, project: Project): Promise<Finding[]> {
  const place = { directory: io.cwd, env: definedVariables(io.environment) }
  const verifier = createToolVerifier()
  const findings: Finding[] = []
  for (const [tool, version] of Object.entries(project.tools)) {
    findings.push(
      await verifier.verify({ [tool]: version }, place, signal).then(
        (): Finding => ({ about: 'tools', verdict: 'good', message: `${tool} is ${version}, as builds need it` }),
        (error: unknown) => bad('tools', error),
      ),
    )
  }
  return findings
}

const definedVariables = (environment: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
