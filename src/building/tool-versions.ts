import { erroredError } from '../model/index.ts'
import { runProcess } from '../process/index.ts'

const lookupTimeoutMs = 30_000

export type ToolVerifier = {
  /** Errored `TOOL_MISSING`, `TOOL_VERSION`. Each tool is asked once a process and `PATH`. */
  verify(tools: Readonly<Record<string, string>>, place: ToolPlace, signal: AbortSignal): Promise<void>
}

/** Version managers choose by folder and environment. */
export type ToolPlace = { directory: string; env: Record<string, string> }

/** Verifies that the machine's tools are the ones a build declares: another compiler is another result. */
export function createToolVerifier(): ToolVerifier {
  const verified = new Set<string>()
  return {
    async verify(tools, place, signal) {
      for (const [tool, wanted] of Object.entries(tools)) {
        const key = JSON.stringify([tool, wanted, place.env['PATH']])
        if (verified.has(key)) continue
        const found = await versionOf(tool, place, signal)
        if (!matchesVersion(found, wanted)) throw versionError(tool, wanted, found)
        verified.add(key)
      }
    },
  }
}

/** Whether a version begins with the wanted one, part by part: `20` matches `20.11.1`, `2` does not. */
export function matchesVersion(found: string, wanted: string): boolean {
  const prefix = wanted.replace(/^v/, '').split('.')
  const parts = found.replace(/^v/, '').split(/[.+-]/)
  return prefix.every((part, at) => part === '*' || part === 'x' || parts[at] === part)
}

/** How tools that do not know `--version` are asked. */
const versionArguments: Readonly<Record<string, readonly string[]>> = { go: ['version'], java: ['-version'] }

async function versionOf(tool: string, { directory, env }: ToolPlace, signal: AbortSignal): Promise<string> {
  const argv: [string, ...string[]] = [tool, ...(versionArguments[tool] ?? ['--version'])]
  const end = await runProcess({ argv, cwd: directory, env, timeoutMs: lookupTimeoutMs, signal }).catch((cause) => {
    signal.throwIfAborted()
    throw erroredError('TOOL_MISSING', `${tool} is declared under \`tools\` and cannot be run here`, {
      hint: `install ${tool}, or put it on PATH`,
      cause,
    })
  })
  const text = `${end.stdout.toString('utf8')}\n${end.stderr}`
  const version = /\d+(?:\.\d+)*(?:[-+][0-9A-Za-z.-]+)?/.exec(text)?.[0]
  if (end.exitCode !== 0 || version === undefined) {
    throw erroredError('TOOL_VERSION', `\`${argv.join(' ')}\` names no version`, {
      hint: `run it yourself: it ended with exit code ${end.exitCode}`,
    })
  }
  return version
}

const versionError = (tool: string, wanted: string, found: string) =>
  erroredError('TOOL_VERSION', `${tool} is ${found} here, and the project declares ${wanted}`, {
    hint: `install ${tool} ${wanted}, or change \`tools\` in trunkline.yaml`,
  })
