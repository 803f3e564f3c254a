/**
 * Whether a symbolic link at `path` can only ever lead to a place inside the bundle's root.
 *
 * A target qualifies when it is relative and is `../` at most as often as the link is deep, followed by plain names.
 * `..` after a name is refused even where it looks harmless: the name may be a link itself, and then `..` starts
 * from wherever that one leads. Without it, every step of a resolution begins inside the root and goes down.
 */
export function symlinkStaysInside(path: string, target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false
  const segments = target.split('/').filter((segment) => segment !== '' && segment !== '.')
  const firstName = segments.findIndex((segment) => segment !== '..')
  const climbs = firstName === -1 ? segments.length : firstName
  const depth = path.split('/').length - 1
  return climbs <= depth && !segments.slice(climbs).includes('..')
}
