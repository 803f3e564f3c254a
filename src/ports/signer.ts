/** Signs in the name of this process: state commits, where trunk lists whose signatures count. */
export type Signer = {
  /** Public half in base64, as a key's middle word in `.pub` files. */
  readonly publicKey: string
  /** `SHA256:…`, for people. */
  readonly fingerprint: string
  /** An SSH signature in the namespace `git`, in its armor. Throws `SIGNING_FAILED`; bounded in time. */
  sign(message: Uint8Array, signal: AbortSignal): Promise<string>
}

/** Finds this process's key when it is first needed; null where it has none. Throws where one is named and unreadable. */
export type FindSigner = () => Promise<Signer | null>
