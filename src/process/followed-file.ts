/** What another process writes into a file, read as it comes: it can go on writing when nobody reads any more. */
import { closeSync, openSync, readSync } from 'node:fs'

export type FollowedFile = {
  /** For the process that writes; closed here once that has it. */
  readonly writing: number
  closeWriting(): void
  /** Reads what is left, and no more after that. Once is enough. */
  close(): void
}

const lookEveryMs = 100
const chunkBytes = 64 * 1024

/** `take` is given each piece once. A file that is there is emptied. */
export function followFile(path: string, take: (chunk: Buffer) => void): FollowedFile {
  const writing = openSync(path, 'w', 0o600)
  const reading = openSync(path, 'r')
  let position = 0
  let isClosed = false
  const readOn = () => {
    for (;;) {
      const chunk = Buffer.alloc(chunkBytes)
      const count = readSync(reading, chunk, 0, chunkBytes, position)
      if (count === 0) return
      position += count
      take(chunk.subarray(0, count))
    }
  }
  const timer = setInterval(readOn, lookEveryMs)
  return {
    writing,
    closeWriting: () => closeSync(writing),
    close() {
      if (isClosed) return
      isClosed = true
      clearInterval(timer)
      readOn()
      closeSync(reading)
    },
  }
}
