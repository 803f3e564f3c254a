import type { Digest, ScanReport } from '../../model/index.ts'
import type { Credentials } from './credentials.ts'

/** What a cloud's registry does by an API of its own, beside the protocol that all registries speak. */
export type CloudRegistry = {
  /** Who we are there; asked again when the registry no longer takes it. */
  login(signal: AbortSignal): Promise<Credentials>
  /** Makes the repository where it is not there and may be made. Asked before something is put. */
  prepareRepository(name: string, signal: AbortSignal): Promise<void>
  /** Deletes a manifest; false where it was not there. */
  deleteManifest(name: string, digest: Digest, signal: AbortSignal): Promise<boolean>
  /** Of a single image. */
  scanOf(name: string, digest: Digest, signal: AbortSignal): Promise<ScanReport>
}
