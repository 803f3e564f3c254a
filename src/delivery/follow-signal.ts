/**
 * Aborts `controller` as soon as `signal` is, with its reason, until what is answered is called. `AbortSignal.any` would
 * leave what it makes to the garbage collector, with a finalizer each, and keep until then all that listens to it.
 */
export function followSignal(signal: AbortSignal, controller: AbortController): () => void {
  const abort = (): void => controller.abort(signal.reason)
  if (signal.aborted) {
    abort()
    return () => {}
  }
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}
