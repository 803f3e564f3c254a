/** Whoever brings objects to a cluster besides Trunkline itself, and keeps records of its own: Helm. */
import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import type { Installed } from '../inventory.ts'
import type { Brought } from './roll-out.ts'

export type Installer = {
  /** What the wanted generation is called there; null: none is wanted. */
  readonly release: string | null
  /** Brings the wanted generation; does not wait until it is healthy. */
  install(): Promise<Brought>
  /** Back to what it brought before; answers it as it stands now. */
  restore(before: Installed): Promise<Installed>
  /**
   * Takes away what it brought under this name, and its records.
   * What is in `keep` belongs to Trunkline by now, and stays. Nothing there: nothing to do.
   */
  remove(release: string, keep: readonly KubernetesObject[]): Promise<void>
}
