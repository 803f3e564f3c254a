/** What stands around the repository in this story: an account of AWS, and a place on this machine to rehearse in. */
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { LabAws } from '../../lab.ts'
import type { Playground } from '../../playground.ts'
import { type Account, endRehearsed, openAccount } from './account.ts'
import { fitted, fittedRehearsal, withZone, zoneTemplate } from './fitted.ts'

export type StageSet = {
  readonly account: Account
  /** Where the rehearsal answers. */
  readonly rehearsal: { folder: string; port: number }
  close(): Promise<void>
}

/** Until the account is there, the rehearsal is what `trunkline.yaml` says. */
export const awsConfiguration = 'trunkline.aws.yaml'

export async function openStageSet(lab: LabAws, folder: string): Promise<StageSet> {
  const account = await openAccount(lab, join(folder, 'instances'))
  const rehearsal = { folder: join(folder, 'rehearsed'), port: await freePort() }
  return {
    account,
    rehearsal,
    async close() {
      await account.close()
      await endRehearsed(rehearsal.folder)
    },
  }
}

/** The example as its README asks: the account's number, the region, a zone for its names. */
export async function fit(playground: Playground, { account }: StageSet): Promise<void> {
  const [aws, rehearsal] = await Promise.all(
    ['trunkline.yaml', 'trunkline.rehearsal.yaml'].map((file) => readFile(join(playground.clone, file), 'utf8')),
  )
  await playground.write(awsConfiguration, fitted(aws ?? '', account.lab))
  await playground.write('trunkline.yaml', fittedRehearsal(rehearsal ?? '', account.lab))
  await rm(join(playground.clone, 'trunkline.rehearsal.yaml'))
  const zone = await account.makeStack('zone-of-the-names', await account.publish('zone.yaml', zoneTemplate))
  for (const environment of ['staging', 'production']) {
    await playground.change(`infra/parameters/${environment}.json`, (text) => withZone(text, zone['Zone'] ?? ''))
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
