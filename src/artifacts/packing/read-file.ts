import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { cancelledError, erroredError } from '../../model/index.ts'
import type { SelectedFile } from './select-files.ts'

const chunkBytes = 1024 * 1024

/**
 * The bytes of a selected file, exactly as many as were announced in the archive's header.
 * Errored `PACKING_CHANGED` where the file is no longer what it was when it was selected. Chunks share one buffer:
 * each must be used before the next is asked for.
 */
export async function* readSelected(
  directory: string,
  selected: SelectedFile & { kind: 'file' },
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  // No following: a link put in the file's place after selection would bring in a stranger.
  const file = await open(join(directory, selected.path), constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    (cause: NodeJS.ErrnoException) => {
      throw erroredError('PACKING_READ', `cannot read ${selected.path}: ${cause.code}`, { cause })
    },
  )
  try {
    const status = await file.stat()
    if (!status.isFile() || status.size !== selected.size) throw changed(selected.path)
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(selected.size, 1)))
    let left = selected.size
    while (left > 0) {
      if (signal?.aborted) throw cancelledError('packing was cancelled')
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, left))
      if (bytesRead === 0) throw changed(selected.path)
      left -= bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

const changed = (path: string) =>
  erroredError('PACKING_CHANGED', `${path} changed while it was packed`, {
    hint: 'does the build leave a process behind that goes on writing?',
  })
