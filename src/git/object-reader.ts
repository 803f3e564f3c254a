/**
 * Reads objects through one long-lived `git cat-file`: thousands of reads cost one process. It is started at the first
 * read, keeps nothing alive while idle, and ends with its standard input.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { erroredError, type ObjectId } from '../model/index.ts'
import type { Git } from './run-git.ts'

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag'

export type ObjectInfo = { id: ObjectId; type: ObjectType; sizeBytes: number }

export type StoredObject = ObjectInfo & { content: Buffer }

/** A revision as git reads it, on one line: an id, `<id>^{tree}`, `<commit>:<path>`; in bytes where a path needs it. */
export type ObjectName = string | Uint8Array

export type ObjectReader = {
  /** The objects in the order of their names; null where there is none. Throws `OBJECT_READ` and `OBJECTS_TOO_LARGE`. */
  read(names: readonly ObjectName[], options?: { maxBytes?: number }): Promise<Array<StoredObject | null>>
  /** The same without content. */
  info(names: readonly ObjectName[]): Promise<Array<ObjectInfo | null>>
  close(): Promise<void>
}

const defaultMaxBytes = 1024 * 1024 * 1024
/** Longest silence while an answer is due. */
const silenceMs = 60_000
const maxHeaderBytes = 64 * 1024

export function createObjectReader(git: Git): ObjectReader {
  const contents = batchProcess(git, '--batch')
  const infos = batchProcess(git, '--batch-check')
  return {
    read: (names, { maxBytes = defaultMaxBytes } = {}) => contents.ask(names, maxBytes),
    info: (names) => infos.ask(names, Number.MAX_SAFE_INTEGER),
    async close() {
      await Promise.all([contents.close(), infos.close()])
    },
  }
}

/** Names asked for together, and what came back so far. */
type Question = {
  names: readonly ObjectName[]
  answers: Array<StoredObject | null>
  bytesLeft: number
  resolve(answers: Array<StoredObject | null>): void
  reject(error: Error): void
}

const noContent = Buffer.alloc(0)

function batchProcess(git: Git, mode: '--batch' | '--batch-check') {
  let running: ReturnType<typeof start> | null = null

  function start() {
    const child = spawn('git', ['cat-file', mode], {
      cwd: git.directory,
      env: git.environment,
      // Its own group: Ctrl-C is for Trunkline to handle.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const questions: Question[] = []
    const process = { child, questions, closed: new Promise<void>((resolve) => child.once('close', () => resolve())) }
    let stderr = ''
    const fail = (error: Error) => {
      if (running === process) running = null
      for (const question of questions.splice(0)) question.reject(error)
      child.kill('SIGKILL')
    }
    const silence = setTimeout(() => {
      if (questions.length > 0) fail(erroredError('OBJECT_READ', 'git cat-file fell silent'))
    }, silenceMs)
    silence.unref()

    const take = (answer: StoredObject | null) => {
      const question = questions[0]
      if (!question) return fail(erroredError('OBJECT_READ', 'git cat-file answered what nobody asked'))
      question.answers.push(answer)
      if (question.answers.length < question.names.length) return
      questions.shift()
      if (questions.length === 0) keepAlive(child, false)
      question.resolve(question.answers)
    }
    const admit = (sizeBytes: number): boolean => {
      const question = questions[0]
      if (!question) return true
      question.bytesLeft -= sizeBytes
      if (question.bytesLeft >= 0) return true
      fail(erroredError('OBJECTS_TOO_LARGE', 'these objects are larger together than Trunkline reads at once'))
      return false
    }
    const parse = answerParser({ withContent: mode === '--batch', take, admit })

    child.stdout.on('data', (chunk: Buffer) => {
      silence.refresh()
      try {
        parse(chunk)
      } catch (cause) {
        fail(erroredError('OBJECT_READ', 'git cat-file answered out of form', { cause }))
      }
    })
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 4096) stderr += chunk.toString('utf8')
    })
    child.stdin.on('error', () => {})
    child.once('error', (cause) => fail(erroredError('OBJECT_READ', 'git cat-file cannot be started', { cause })))
    child.once('close', () => {
      clearTimeout(silence)
      fail(erroredError('OBJECT_READ', `git cat-file ended: ${stderr.trim().split('\n').at(-1) ?? 'no reason given'}`))
    })
    return { ...process, process, refreshSilence: () => silence.refresh() }
  }

  return {
    async ask(names: readonly ObjectName[], maxBytes: number): Promise<Array<StoredObject | null>> {
      if (names.length === 0) return []
      const requests = Buffer.concat(names.flatMap((name) => [requestLine(name), newline]))
      running ??= start()
      const { child, questions, refreshSilence } = running
      return new Promise((resolve, reject) => {
        questions.push({ names, answers: [], bytesLeft: maxBytes, resolve, reject })
        refreshSilence()
        keepAlive(child, true)
        child.stdin.write(requests)
      })
    },
    async close(): Promise<void> {
      const ending = running
      running = null
      if (!ending) return
      keepAlive(ending.child, true)
      ending.child.stdin.end()
      const timer = setTimeout(() => ending.child.kill('SIGKILL'), 2000)
      await ending.closed
      clearTimeout(timer)
    },
  }
}

const newline = Buffer.from('\n')

function requestLine(name: ObjectName): Buffer {
  const line = typeof name === 'string' ? Buffer.from(name, 'utf8') : Buffer.from(name)
  if (line.includes(0x0a)) throw new TypeError('an object name has one line')
  return line
}

type AnswerSink = {
  withContent: boolean
  take(answer: StoredObject | null): void
  /** Whether so many more bytes may be read. */
  admit(sizeBytes: number): boolean
}

/** `<id> <type> <size>\n` and, with content, `<content>\n`; `<name> missing\n` where there is nothing. */
function answerParser(sink: AnswerSink): (chunk: Buffer) => void {
  let head = noContent
  let body: { answer: StoredObject; filled: number } | null = null
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (body === null) {
        const end = chunk.indexOf(0x0a, at)
        head = Buffer.concat([head, chunk.subarray(at, end === -1 ? chunk.length : end)])
        if (head.length > maxHeaderBytes) throw new TypeError('header too long')
        if (end === -1) return
        at = end + 1
        const info = parseHeader(head.toString('latin1'))
        head = noContent
        if (info === null || !sink.withContent) {
          sink.take(info === null ? null : { ...info, content: noContent })
        } else {
          if (!sink.admit(info.sizeBytes)) return
          body = { answer: { ...info, content: Buffer.allocUnsafe(info.sizeBytes) }, filled: 0 }
        }
      } else {
        const { content } = body.answer
        const copied = chunk.copy(content, body.filled, at)
        body.filled += copied
        at += copied
        if (body.filled < content.length || at >= chunk.length) return
        at++ // the newline after the content
        const { answer } = body
        body = null
        sink.take(answer)
      }
    }
  }
}

const headerPattern = /^([0-9a-f]{40}|[0-9a-f]{64}) (commit|tree|blob|tag) (\d+)$/

function parseHeader(header: string): ObjectInfo | null {
  const match = headerPattern.exec(header)
  if (match) {
    const [, id, type, size] = match
    return { id: id as ObjectId, type: type as ObjectType, sizeBytes: Number(size) } // as the pattern says
  }
  if (/ (?:missing|ambiguous|submodule)$/.test(header)) return null
  throw new TypeError(`unknown header ${JSON.stringify(header)}`)
}

/** An idle reader must not keep Node from ending. */
function keepAlive(child: ChildProcess, isBusy: boolean): void {
  const parts: Array<{ ref?(): void; unref?(): void } | null> = [
    child,
    // Pipes are sockets in Node, which Readable and Writable do not say.
    child.stdin as { ref?(): void; unref?(): void } | null,
    child.stdout as { ref?(): void; unref?(): void } | null,
    child.stderr as { ref?(): void; unref?(): void } | null,
  ]
  for (const part of parts) isBusy ? part?.ref?.() : part?.unref?.()
}
