import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { TrunklineError } from '../../../src/model/index.ts'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { terraformMissing } from '../../parts/terraform.ts'
import { neverAborted, openModule } from './module-under-test.ts'

/** A database that is another one when its engine changes, and keeps its size otherwise. */
const module = ({ size = '1', engine = 'one', more = '' } = {}): Record<string, string> => ({
  'main.tf': `variable "password" {
  type      = string
  sensitive = true
  default   = "none"
}
resource "terraform_data" "database" {
  input            = { size = "${size}", password = var.password }
  triggers_replace = "${engine}"
}
output "url" {
  value     = "db://\${terraform_data.database.input.size}"
  sensitive = true
}
${more}`,
})

const isCode = (code: string) => (error: unknown) => error instanceof TrunklineError && error.code === code

describe('terraform', { skip: terraformMissing(), timeout: 300_000 }, () => {
  test('what would be done is previewed, applied, observed with its outputs, and then nothing is left to do', async () => {
    await using shop = await openModule()
    const request = await shop.request('database', module())
    assert.deepEqual((await shop.target.observe(['database'], neverAborted)).reachable, true)
    const preview = await shop.preview(request)
    assert.deepEqual(preview?.changes, [
      { action: 'add', subject: 'terraform_data.database' },
      { action: 'add', subject: 'output.url' },
    ])
    const context = shop.context()
    assert.deepEqual(await shop.target.ensure({ ...request, preview }, context), { ok: true })
    assert.ok(
      context.lines.some((line) => line.includes('terraform_data.database')),
      context.lines.join('\n'),
    )

    const observation = await shop.target.observe(['database'], neverAborted)
    assert.ok(observation.reachable)
    const observed = observation.services['database']
    assert.equal(observed?.generation, request.desired.generation)
    assert.equal(observed?.artifact, request.desired.artifact)
    assert.deepEqual(observed?.outputs, { url: 'db://1' })
    assert.equal(await shop.preview(request), null)
    assert.deepEqual(await shop.target.verify(request, shop.context()), { ok: true })
  })

  test('what holds data and is replaced is told with its reason; what moved since is refused, and nothing is touched', async () => {
    await using shop = await openModule()
    const run = { stateful: ['terraform_data'] }
    await shop.deploy(await shop.request('database', module(), { run }))
    const replacing = await shop.request('database', module({ engine: 'two' }), { run })
    const preview = await shop.preview(replacing)
    assert.deepEqual(preview?.changes, [
      { action: 'replace', subject: 'terraform_data.database', because: ['triggers_replace'], stateful: true },
    ])
    assert.equal((await shop.preview(replacing))?.digest, preview?.digest)

    // Somebody applies by hand what makes another thing of it.
    const before = await readFile(join(shop.states, 'database.tfstate'), 'utf8')
    await shop.deploy(await shop.request('database', module({ size: '9' }), { run }))
    await assert.rejects(shop.target.ensure({ ...replacing, preview }, shop.context()), isCode('PREVIEW_MOVED'))
    await writeFile(join(shop.states, 'database.tfstate'), before)
    assert.deepEqual(await shop.target.ensure({ ...replacing, preview }, shop.context()), { ok: true })
  })

  test('without a preview nothing is lost', async () => {
    await using shop = await openModule()
    const run = { stateful: ['terraform_data'] }
    await shop.deploy(await shop.request('database', module(), { run }))
    const verdict = await shop.target.ensure(
      await shop.request('database', module({ engine: 'two' }), { run }),
      shop.context(),
    )
    assert.equal(verdict.ok, false)
    assert.equal(verdict.ok ? '' : verdict.reasons[0]?.code, 'loses-data')
  })

  test('a changed secret applies again, and stands in no preview', async () => {
    await using shop = await openModule()
    const secret = { password: 'hunter2-hunter2' }
    await shop.deploy(await shop.request('database', module(), { variables: secret }))
    const same = await shop.request('database', module(), { variables: secret })
    assert.equal(await shop.preview(same), null)
    const other = await shop.request('database', module(), { variables: { password: 'another-secret' } })
    assert.notEqual(other.desired.fingerprint, same.desired.fingerprint)
    const preview = await shop.preview(other)
    assert.deepEqual(preview?.changes, [
      { action: 'change', subject: 'terraform_data.database', because: ['input', 'output'] },
    ])
    assert.doesNotMatch(JSON.stringify(preview), /hunter2|another-secret/)
  })

  test('values come from files of the environment, and are filled in', async () => {
    await using shop = await openModule()
    const run = {
      directory: 'infra',
      variables: { name: '{project}-{environment}' },
      variableFiles: ['env/{environment}.tfvars'],
    }
    const files = {
      'infra/main.tf': `variable "size" {}\nvariable "name" {}\noutput "told" { value = "\${var.name} \${var.size}" }\n`,
    }
    const request = await shop.request('database', files, { run, beside: { 'env/stage.tfvars': 'size = "large"\n' } })
    assert.deepEqual(await shop.deploy(request), { ok: true })
    const observation = await shop.target.observe(['database'], neverAborted)
    assert.deepEqual(observation.reachable && observation.services['database']?.outputs, { told: 'shop-stage large' })
  })

  test('a resource that cannot be made fails with its own words, and is no deployed generation', async () => {
    await using shop = await openModule()
    const broken = module({
      more: `resource "terraform_data" "broken" {
        provisioner "local-exec" { command = "echo no room left; exit 3" }
      }`,
    })
    const request = await shop.request('database', broken)
    const verdict = await shop.deploy(request)
    assert.equal(verdict.ok, false)
    assert.match(verdict.ok ? '' : (verdict.reasons[0]?.message ?? ''), /terraform_data\.broken: .*exit status 3/s)
    const observation = await shop.target.observe(['database'], neverAborted)
    assert.equal(observation.reachable && observation.services['database']?.generation, null)
    // What was made is kept, and the next try goes on from there.
    assert.deepEqual(await shop.deploy(await shop.request('database', module())), { ok: true })
  })

  test('a module that cannot be read or planned fails, and says where', async () => {
    await using shop = await openModule()
    const torn = await shop.deploy(await shop.request('database', { 'main.tf': 'output "a" {\n' }))
    assert.match(torn.ok ? '' : (torn.reasons[0]?.message ?? ''), /Unclosed configuration block.* main\.tf line 1/)
    const verdict = await shop.deploy(
      await shop.request('database', { 'main.tf': 'output "a" { value = var.missing }\n' }),
    )
    assert.match(verdict.ok ? '' : (verdict.reasons[0]?.message ?? ''), /undeclared input variable/)
  })

  test('a state that somebody holds is waited for and then told with its holder, as no verdict', async () => {
    await using shop = await openModule()
    await shop.deploy(await shop.request('database', module()))
    const slow = module({
      size: '2',
      more: 'resource "terraform_data" "slow" {\n  provisioner "local-exec" { command = "sleep 8" }\n}\n',
    })
    const holder = shop.deploy(await shop.request('database', slow))
    const lock = join(shop.states, '.database.tfstate.lock.info')
    while ((await readFile(lock, 'utf8').catch(() => '')).includes('OperationTypeApply') === false) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const other = await shop.request('database', module({ size: '3' }))
    await assert.rejects(shop.target.ensure(other, shop.context()), isCode('STATE_LOCKED'))
    assert.deepEqual(await holder, { ok: true })
  })

  test('cancelled, it ends what it is at and leaves a state that can be gone on with', async () => {
    await using shop = await openModule()
    const slow = module({
      more: 'resource "terraform_data" "slow" {\n  provisioner "local-exec" { command = "sleep 4" }\n}\n',
    })
    const request = await shop.request('database', slow)
    const preview = (await shop.preview(request)) ?? undefined
    const cancelling = new AbortController()
    const context = shop.context({
      signal: cancelling.signal,
      log: (line) => {
        if (line.includes('slow')) cancelling.abort()
      },
    })
    await assert.rejects(shop.target.ensure({ ...request, ...(preview && { preview }) }, context))
    assert.deepEqual(await shop.deploy(request), { ok: true })
  })

  test('what a killed controller left lying is taken away a day later, and not before', async (t) => {
    await using shop = await openModule()
    const left = await Promise.all([0, 1].map(() => mkdtemp(join(tmpdir(), 'trunkline-terraform-'))))
    t.after(() => Promise.all(left.map((folder) => rm(folder, { recursive: true, force: true }))))
    const [old = '', young = ''] = left
    const before = Date.now() / 1000 - 25 * 60 * 60
    await utimes(old, before, before)
    await shop.target.observe(['database'], neverAborted)
    assert.deepEqual([existsSync(old), existsSync(young)], [false, true])
  })

  test('a program that is missing is named', async () => {
    await using shop = await openModule({ program: 'tofu' })
    const child = spawn('tofu', ['version'])
    const isThere = await once(child, 'exit').then(
      () => true,
      () => false,
    )
    if (isThere) return
    await assert.rejects(shop.target.observe(['database'], neverAborted), isCode('PROGRAM_MISSING'))
  })
})

describe('terraform in an account of AWS', { skip: terraformMissing() || awsMissing(), timeout: 300_000 }, () => {
  const whoami = {
    'main.tf': `resource "terraform_data" "who" {
  provisioner "local-exec" {
    command = "env | grep ^AWS_ | sort > \${var.told}"
  }
}
variable "told" {}
`,
  }

  test('is the role of its environment, and in its region, and nobody of the surroundings', async (t) => {
    const part = await startAws()
    t.after(() => part.stop())
    const role = `arn:aws:iam::${part.account}:role/shop-deploy-stage`
    const access = { ...part.access, account: part.account, role }
    const environment = { ...part.environment, AWS_REGION: 'us-east-1' }
    await using shop = await openModule({}, { access, environment })
    const told = join(shop.states, '..', 'told')
    assert.deepEqual(await shop.deploy(await shop.request('database', whoami, { variables: { told } })), { ok: true })
    const seen = await readFile(told, 'utf8')
    assert.match(seen, /^AWS_ACCESS_KEY_ID=ASIA/m)
    assert.match(seen, /^AWS_SESSION_TOKEN=./m)
    assert.match(seen, /^AWS_REGION=eu-west-1$/m)
    assert.ok(!seen.includes(part.environment['AWS_SECRET_ACCESS_KEY'] ?? '-'))
  })

  test('changes nothing with credentials of another account', async (t) => {
    const part = await startAws()
    t.after(() => part.stop())
    const access = { ...part.access, account: '999999999999' }
    await using shop = await openModule({}, { access, environment: part.environment })
    const request = await shop.request('database', module())
    await assert.rejects(shop.target.ensure(request, shop.context()), isCode('WRONG_ACCOUNT'))
    const observation = await shop.target.observe(['database'], neverAborted)
    assert.deepEqual(observation.reachable && observation.services['database']?.outputs, {})
  })
})
