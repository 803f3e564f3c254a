/** Runs on the host, as the text of this function: it must use nothing but Node. */

/**
 * Arguments: agent folder, program id, digest of the archive, runtime id. Standard input: the archive. Unpacks it beside
 * its place and moves it there, then deletes what no running process uses: all but a few programs and runtimes.
 */
export function installProgram(): void {
  const fs = process.getBuiltinModule('node:fs')
  const path = process.getBuiltinModule('node:path')
  const { createHash, randomBytes } = process.getBuiltinModule('node:crypto')
  const { gunzipSync } = process.getBuiltinModule('node:zlib')
  const [, , , folder = '', id = '', digest = '', runtime = ''] = process.argv
  const maxBytes = 256 * 1024 * 1024
  const keptOthers = 2

  const programs = path.join(folder, 'programs')
  const place = path.join(programs, id)
  const unpack = () => {
    const archive = gunzipSync(fs.readFileSync(0), { maxOutputLength: maxBytes })
    if (createHash('sha256').update(archive).digest('hex') !== digest) throw new Error('the program came damaged')
    const files: Record<string, string> = JSON.parse(archive.toString('utf8'))
    const part = `${place}.${randomBytes(6).toString('hex')}`
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(part, name)
      fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
      fs.writeFileSync(file, Buffer.from(content, 'base64'), { mode: 0o600 })
    }
    try {
      fs.renameSync(part, place)
    } catch (fault) {
      // Another controller was faster.
      fs.rmSync(part, { recursive: true, force: true })
      if (!fs.existsSync(place)) throw fault
    }
  }
  /** What every process here was started as; where there is no `/proc`, nothing is deleted. */
  const commands = () =>
    fs
      .readdirSync('/proc')
      .filter((name) => /^[0-9]+$/.test(name))
      .flatMap((pid) => {
        try {
          return [fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')]
        } catch {
          return []
        }
      })
  const prune = (where: string, own: string) => {
    const running = commands()
    const others = fs
      .readdirSync(where)
      .filter((name) => name !== own)
      .map((name) => ({ at: path.join(where, name), name, ms: fs.statSync(path.join(where, name)).mtimeMs }))
      .filter(({ at }) => !running.some((command) => command.includes(`${at}/`)))
      .sort((left, right) => right.ms - left.ms)
    const isPart = (name: string) => /[.][0-9a-f]{12}$/.test(name)
    const hourMs = 3_600_000
    const parts = others.filter(({ name, ms }) => isPart(name) && Date.now() - ms > hourMs)
    const old = others.filter(({ name }) => !isPart(name)).slice(keptOthers)
    for (const { at } of [...parts, ...old]) fs.rmSync(at, { recursive: true, force: true })
    return parts.length + old.length
  }

  fs.mkdirSync(programs, { recursive: true, mode: 0o700 })
  if (!fs.existsSync(place)) unpack()
  let pruned = 0
  try {
    pruned = prune(programs, id) + prune(path.join(folder, 'runtimes'), runtime)
  } catch {
    // What could not be deleted now is deleted by the next.
  }
  process.stdout.write(`TRUNKLINE-INSTALLED ${pruned}\n`)
}
