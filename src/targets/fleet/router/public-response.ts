/** The answers that the public server makes; each knows whom its client answers to, without a function made for it. */

/** Not imported: an import of `node:http` makes Node load all of its fetch, 12 MB in a process that is there for ever. */
const { ServerResponse } = process.getBuiltinModule('node:http')

/** Hears what a client does. */
export type Answered = {
  onDrain(): void
  onClientClose(): void
  onClientQuiet(): void
}

export class PublicResponse extends ServerResponse {
  private answered: Answered | null = null

  /** From now on this one hears it. */
  answers(answered: Answered): void {
    this.answered = answered
    this.on('close', onClose)
    this.on('timeout', onTimeout)
    this.on('drain', onDrain)
  }

  static hear(response: PublicResponse, what: keyof Answered): void {
    response.answered?.[what]()
  }
}

function onClose(this: PublicResponse): void {
  PublicResponse.hear(this, 'onClientClose')
}
function onTimeout(this: PublicResponse): void {
  PublicResponse.hear(this, 'onClientQuiet')
}
function onDrain(this: PublicResponse): void {
  PublicResponse.hear(this, 'onDrain')
}
