/** Whether a dotted version comes before another; numbers compare as numbers, anything else as text. */
export function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0
}
