/**
 * What is run on a host before a program of ours is there: for `/bin/sh` and nothing else. Pure. Everything of ours lies
 * in `agent/` under Trunkline's folder there: `runtimes/<node version>/node` and `programs/<digest>/`.
 */
import { programFlags, programPath } from '../../../program/index.ts'
import { missingMark } from '../agent/bridge-protocol.ts'
import { shellCommand } from './ssh-command.ts'

/** A host has one platform, so a version names one runtime. */
export const runtimeId = `v${process.versions.node}`

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
const home = 'h="${TRUNKLINE_HOME:-$HOME/.trunkline}"; d="$h/agent"'

/** Becomes the bridge of this program, or says that the host does not have it, and whether an agent ever ran there. */
export function bridgeCommand(programId: string): string {
  return shellCommand(
    `${home}; n="$d/runtimes/${runtimeId}/node"; p="$d/programs/${programId}"; ` +
      `if test -x "$n" && test -d "$p"; then exec "$n" ${programFlags.join(' ')} "$p/${programPath('bridge')}"; fi; ` +
      `if test -d "$h/fleet/services"; then echo ${missingMark}former; else echo ${missingMark}never; fi`,
  )
}

export const probeMark = 'TRUNKLINE-PROBE'

/** Prints one fact a line, each after a mark: what the machine is, what it has, and how much room there is. */
export function probeCommand(programId: string): string {
  const libc = 'if test -n "$(ls /lib/ld-musl-* 2>/dev/null)"; then echo musl; else echo other; fi'
  return shellCommand(
    `${home}; mkdir -p "$d" || exit 9; ` +
      `echo "${probeMark} system $(uname -s) $(uname -m)"; ` +
      `echo "${probeMark} libc $(${libc})"; ` +
      `echo "${probeMark} runtime $(test -x "$d/runtimes/${runtimeId}/node" && echo yes)"; ` +
      `echo "${probeMark} program $(test -d "$d/programs/${programId}" && echo yes)"; ` +
      `echo "${probeMark} gzip $(command -v gzip)"; ` +
      `echo "${probeMark} node $(command -v node) $(node --version 2>/dev/null)"; ` +
      `echo "${probeMark} free $(df -Pk "$d" | tail -n 1)"; ` +
      `echo "${probeMark} folder $d"`,
  )
}

/** Keeps standard input as the runtime, once it runs and is as large as it should be. `token` is ours alone. */
export function installRuntimeCommand(token: string, sizeBytes: number, isCompressed: boolean): string {
  return shellCommand(
    `umask 077; ${home}; t="$d/runtimes/${runtimeId}.${token}"; mkdir -p "$t" || exit 9; ` +
      `if ${isCompressed ? 'gzip -dc' : 'cat'} > "$t/node" && test "$(wc -c < "$t/node")" -eq ${sizeBytes} ` +
      `&& chmod 700 "$t/node" && "$t/node" --version; then ${moveIntoPlace}; else rm -rf "$t"; exit 8; fi`,
  )
}

/** Lets the host's own Node be the runtime. */
export function linkRuntimeCommand(token: string): string {
  return shellCommand(
    `umask 077; ${home}; t="$d/runtimes/${runtimeId}.${token}"; mkdir -p "$t" || exit 9; ` +
      `ln -s "$(command -v node)" "$t/node" && "$t/node" --version && ${moveIntoPlace}`,
  )
}

/** Another controller may have been faster: a folder is not moved into one that is there. */
const moveIntoPlace =
  `if test -d "$d/runtimes/${runtimeId}"; then rm -rf "$t"; ` +
  `else mv "$t" "$d/runtimes/${runtimeId}" 2>/dev/null || rm -rf "$t"; fi`

/** Runs our JavaScript on the host's runtime: in hex, so that no shell has anything to read in it. */
export function scriptCommand(source: string, ...parameters: readonly string[]): string {
  const code = Buffer.from(source).toString('hex')
  if (parameters.some((parameter) => !/^[\w.-]+$/.test(parameter))) throw new Error('a parameter is not a plain word')
  const evaluate = 'eval(Buffer.from(process.argv[1],process.argv[2]).toString())'
  return shellCommand(
    `umask 077; ${home}; exec "$d/runtimes/${runtimeId}/node" -e "${evaluate}" ${code} hex "$d" ${parameters.join(' ')}`,
  )
}
