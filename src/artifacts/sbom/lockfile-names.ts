/** Lockfiles that can be read, by their file's name. Apart from their readers: most builds have none. */
export const lockfileNames = [
  ...(['package-lock.json', 'npm-shrinkwrap.json', 'go.sum'] as const),
  ...(['requirements.txt', 'poetry.lock', 'uv.lock', 'Cargo.lock'] as const),
] as const

export type LockfileName = (typeof lockfileNames)[number]

export const fileNameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export const isLockfile = (path: string): boolean => lockfileNames.some((name) => name === fileNameOf(path))
