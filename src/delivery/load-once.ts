/** A part of the program that is loaded when it is first needed. Asking Node for it each time costs more than using it. */
export function loadOnce<Part>(load: () => Promise<Part>): () => Promise<Part> {
  let loading: Promise<Part> | null = null
  return () => {
    loading ??= load()
    return loading
  }
}
