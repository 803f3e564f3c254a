/** A controller that is killed at each call of Terraform, and while that changes something; and another that goes on. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { describe, test } from 'node:test'
import { findProgram } from '../../parts/local-server.ts'
import { withTerraform } from '../../parts/terraform.ts'
import { startCloud, terraformAwsMissing } from '../../parts/terraform-aws/module.ts'
import { eventually } from '../../process/eventually.ts'
import type { Errand } from './controller.ts'
import { type ModuleUnderTest, openModule } from './module-under-test.ts'

const controller = join(import.meta.dirname, 'controller.ts')

/** A network and what is in it. */
const network = (tag: string): Record<string, string> => ({
  'main.tf': `terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
  tags       = { change = "${tag}" }
}
resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.1.0/24"
  tags       = { change = "${tag}" }
}
output "told" {
  value = aws_subnet.this.tags["change"]
}
`,
})

/**
 * Stands before Terraform: each call is noted, and at one of them the controller is killed: `before` it begins, or
 * `after` it has ended and nobody was told.
 */
const guard = (terraform: string) => `#!/bin/sh
count=$(($(cat "$GUARD/count" 2>/dev/null || echo 0) + 1))
echo "$count" > "$GUARD/count"
echo "$1" >> "$GUARD/calls"
if [ "$count-$GUARD_WHEN" = "$GUARD_AT-before" ]; then kill -9 "$PPID"; exit 1; fi
${terraform} "$@"
code=$?
if [ "$count-$GUARD_WHEN" = "$GUARD_AT-after" ]; then kill -9 "$PPID"; fi
exit $code
`

type Life = { isDead: boolean; calls: string[]; stderr: string }

describe('controllers of Terraform that are killed', { skip: terraformAwsMissing(), timeout: 600_000 }, () => {
  async function open() {
    const running = await startCloud(Object.values(network('0')))
    const shop = await openModule({}, null, null, running.environment)
    const folder = join(shop.root, 'guard')
    await mkdir(folder)
    const environment = withTerraform()
    await writeFile(join(folder, 'terraform'), guard(findProgram('terraform', environment) ?? 'terraform'))
    await chmod(join(folder, 'terraform'), 0o755)
    return {
      ...{ running, shop, cloud: running.cloud },
      /** A controller's whole life. */
      begin(files: Record<string, string>, death: Record<string, string> = {}) {
        const errand: Errand = { root: shop.root, service: 'network', files }
        const child = spawn(
          process.execPath,
          ['--disable-warning=ExperimentalWarning', controller, JSON.stringify(errand)],
          {
            env: {
              ...process.env,
              ...running.environment,
              ...{ NODE_TEST_CONTEXT: undefined, TMPDIR: shop.root, GUARD: folder, ...death },
              PATH: `${folder}${delimiter}${environment['PATH'] ?? ''}`,
            },
            stdio: ['ignore', 'ignore', 'pipe'],
          },
        )
        let stderr = ''
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          stderr += text
        })
        const ended = (async (): Promise<Life> => {
          const [code] = await once(child, 'exit')
          const calls = (await readFile(join(folder, 'calls'), 'utf8').catch(() => '')).trim().split('\n')
          await Promise.all(['calls', 'count'].map((name) => rm(join(folder, name), { force: true })))
          return { isDead: code !== 0, calls, stderr }
        })()
        return { child, ended }
      },
      [Symbol.asyncDispose]: async () => {
        await running[Symbol.asyncDispose]()
        await shop[Symbol.asyncDispose]()
      },
    }
  }

  async function told(shop: ModuleUnderTest): Promise<string | undefined> {
    const observation = await shop.target.observe(['network'], AbortSignal.timeout(60_000))
    return observation.reachable ? observation.services['network']?.outputs?.['told'] : undefined
  }

  test('whatever call it dies at, another comes to the same end, and nothing is made twice', async () => {
    await using under = await open()
    const { shop, cloud } = under
    const whole = await under.begin(network('0')).ended
    assert.equal(whole.isDead, false, whole.stderr)
    // The others only read: who dies at them has left everything as it was before.
    const deaths = whole.calls.flatMap((call, index) => (call === 'plan' || call === 'apply' ? [index + 1] : []))
    assert.equal(deaths.length, 4, `${whole.calls}`)
    for (const at of deaths) {
      const tag = String(at)
      const before = cloud.calls.length
      const died = await under.begin(network(tag), { GUARD_AT: String(at), GUARD_WHEN: 'before' }).ended
      assert.deepEqual([died.isDead, died.calls.length], [true, at], died.stderr)
      assert.deepEqual(await shop.deploy(await shop.request('network', network(tag))), { ok: true }, died.calls.at(-1))
      assert.equal(await told(shop), tag)
      const made = cloud.calls.slice(before).map(({ action, type }) => `${action} ${type}`)
      assert.deepEqual(made, ['update aws_vpc', 'update aws_subnet'], `died at ${died.calls.at(-1)}`)
    }
    assert.equal(cloud.resources.size, 2)

    // Applied, and nobody heard of it: who comes next finds it done.
    const calls = cloud.calls.length
    const last = { GUARD_AT: String(deaths.at(-1)), GUARD_WHEN: 'after' }
    assert.equal((await under.begin(network('unheard'), last).ended).isDead, true)
    const again = await shop.request('network', network('unheard'))
    assert.equal(await told(shop), 'unheard')
    assert.equal(await shop.preview(again), null)
    assert.deepEqual(await shop.deploy(again), { ok: true })
    assert.equal(cloud.calls.length, calls + 2)
  })

  test('while something is being made, Terraform goes on without it, and who comes next waits for that', async () => {
    await using under = await open()
    const { cloud } = under
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    cloud.before = async ({ type }) => {
      if (type === 'aws_vpc') await released
    }
    const first = under.begin(network('slow'))
    await eventually(async () => cloud.calls.length > 0, 120_000)
    first.child.kill('SIGKILL')
    assert.equal((await first.ended).isDead, true)
    const second = under.begin(network('slow'))
    await eventually(async () => {
      // It asks for the lock, which the one that was left alone still holds.
      return (await readFile(join(under.shop.root, 'guard', 'calls'), 'utf8').catch(() => '')).includes('plan')
    }, 120_000)
    release()
    const { isDead, stderr } = await second.ended
    assert.equal(isDead, false, stderr)
    assert.deepEqual(
      cloud.calls.map(({ action, type }) => `${action} ${type}`),
      ['create aws_vpc', 'create aws_subnet'],
    )
    assert.equal(await told(under.shop), 'slow')
  })
})
