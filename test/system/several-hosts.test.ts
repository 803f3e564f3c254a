/** A team with two hosts and a way to them over SSH, from the first delivery to the day a host is gone. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { networkHostsMissing, startNetworkHosts } from '../parts/network-hosts.ts'
import { seedRuntime } from '../targets/fleet/ssh/ssh-fleet.ts'
import { openProject } from './project-under-test.ts'
import { smallShop, webAnswering } from './small-shop.ts'

const answerOf = async (url: string) => (await fetch(url, { headers: { connection: 'close' } })).text()

test('a push runs on every host, verified; a host that is gone is named and nothing moves', {
  skip: networkHostsMissing(),
}, async () => {
  const network = await startNetworkHosts(2)
  try {
    const [first, second] = network.hosts
    assert.ok(first && second)
    for (const { home } of network.hosts) seedRuntime(join(home, '.trunkline'))
    const fleet = { hosts: [first.url, second.url], listen: '0.0.0.0', ports: { web: 8080 } }
    const verify = [{ name: 'it answers', http: '/', service: 'web', contains: 'o' }]
    await using project = await openProject({
      files: smallShop({ environments: { stage: { target: { fleet }, verify }, prod: null } }),
      environment: { TRUNKLINE_SSH_CONFIG: network.configFile },
    })
    const urls = [first, second].map(({ address }) => `http://${address}:8080`)

    const { findings } = await project.json<{ findings: Array<{ about: string; message: string }> }>(0, ['doctor'])
    const aboutHosts = findings.filter(({ about }) => about.startsWith('host '))
    assert.deepEqual(
      aboutHosts.map(({ about }) => about),
      [`host ${first.url}`, `host ${second.url}`],
    )
    for (const { message } of aboutHosts) assert.match(message, /answers, and its key is known; the agent is not there/)

    assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'succeeded')
    assert.deepEqual(await Promise.all(urls.map(answerOf)), ['one', 'one'])
    assert.equal(await project.address('stage', 'web'), urls[0])
    const { environments } = await project.json<StatusDocument>(0, ['status', 'stage'])
    const web = environments[0]?.services.find(({ name }) => name === 'web')
    assert.deepEqual(web?.instances, { ready: 2, desired: 2 })
    const one = { ready: 1, desired: 1 }
    assert.deepEqual(web?.hosts, [
      { name: first.url, instances: one, url: urls[0] },
      { name: second.url, instances: one, url: urls[1] },
    ])
    const { stdout } = await project.trunkline(['status', 'stage', '--services'])
    for (const url of urls) assert.match(stdout, new RegExp(`${url}`))

    await second.setLink('down')
    await project.push('two', { 'web/main.js': webAnswering('two') })
    const gone = await project.json(4, ['deliver', '--ref', 'main'])
    assert.equal(gone.outcome, 'errored')
    assert.match(JSON.stringify(gone), new RegExp(second.url))
    assert.equal(await answerOf(urls[0] ?? ''), 'one')

    await second.setLink('up')
    assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'succeeded')
    assert.deepEqual(await Promise.all(urls.map(answerOf)), ['two', 'two'])
  } finally {
    await network.stop()
  }
})
