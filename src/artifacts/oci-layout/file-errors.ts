import { cancelledError, erroredError, TrunklineError } from '../../model/index.ts'

/** Runs file work; what the file system refuses becomes a sentence about the store. */
export async function atStore<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storeError(directory, error)
  }
}

function storeError(directory: string, error: unknown): unknown {
  if (error instanceof Error && error.name === 'AbortError') return cancelledError()
  if (error instanceof TrunklineError || !isErrno(error)) return error
  const detail = { cause: error }
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return erroredError('ARTIFACT_STORE_FULL', `no space is left for artifacts in ${directory}`, {
        ...detail,
        hint: 'free space there, or set artifacts in trunkline.yaml to a place that has some',
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return erroredError('ARTIFACT_STORE_DENIED', `no right to ${verbOf(error)} ${error.path ?? directory}`, {
        ...detail,
        hint: `give this user the right to write in ${directory}, or set artifacts in trunkline.yaml to another place`,
      })
    default:
      return erroredError(
        'ARTIFACT_STORE_UNUSABLE',
        `the artifact store in ${directory} failed: ${error.message}`,
        detail,
      )
  }
}

const verbOf = (error: NodeJS.ErrnoException): string =>
  error.syscall === 'open' || error.syscall === 'scandir' ? 'open' : 'write'

export const isErrno = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string'

/** What `work` gives, or null where the file is not there. */
export async function orMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work
  } catch (error) {
    if (isErrno(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
    throw error
  }
}
