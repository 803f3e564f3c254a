/** The version of the fleet's processes: a controller replaces an agent that is older than itself. */
export const fleetVersion = '0.1.0'

/** Whether a dotted version comes before another; numbers compare as numbers, anything else as text. */
export function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0
}
