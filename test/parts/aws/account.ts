/** An account of AWS for all tests of a suite: empty before each of them, with what is under test opened in it. */
import { after, afterEach, before, beforeEach } from 'node:test'
import { type AwsPart, startAws } from './aws.ts'
import { type AwsFaults, startFaults } from './faults.ts'

export type AccountUnderTest<Opened> = { part: AwsPart; faults: AwsFaults; opened: Opened }

/** `given` hears what each test may use, before it begins. */
export function inAwsAccount<Opened extends { close(): Promise<void> }>(
  open: (part: AwsPart, faults: AwsFaults) => Opened | Promise<Opened>,
  given: (account: AccountUnderTest<Opened>) => void,
): void {
  let part: AwsPart
  let faults: AwsFaults
  let opened: Opened
  before(async () => {
    part = await startAws()
    faults = await startFaults(part)
  })
  beforeEach(async () => {
    opened = await open(part, faults)
    given({ part, faults, opened })
  })
  afterEach(async () => {
    await opened.close()
    faults.clear()
    await part.reset()
  })
  after(async () => {
    await faults?.stop()
    await part?.stop()
  })
}
