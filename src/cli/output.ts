/** Writes and waits until it is out. False where the reader has gone (`| head`): that is no error of ours. */
export function write(stream: NodeJS.WritableStream, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    stream.write(text, (error) => resolve(!error))
  })
}
