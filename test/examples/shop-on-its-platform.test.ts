/**
 * The shop and the platform that it runs on in one delivery: a real Terraform applies the example's own root module,
 * its state is in S3 with a lock, and what the module says of its databases leads two of the services to them. What the
 * module asks of AWS is checked by the provider's schema; a cloud that is played gives the addresses of a real PostgreSQL
 * and a real Redis. Services run on this machine: no container can be run here.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { parse, stringify } from 'yaml'
import { openAws } from '../../src/aws/index.ts'
import { systemClock } from '../../src/clock/index.ts'
import type { Plan } from '../../src/model/index.ts'
import type { DriftDocument } from '../../src/reporting/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { postgresMissing, startPostgres } from '../parts/postgres.ts'
import { redisMissing, startRedis } from '../parts/redis.ts'
import { withTerraform } from '../parts/terraform.ts'
import { startCloud, terraformAwsMissing } from '../parts/terraform-aws/module.ts'
import { openProject } from '../system/project-under-test.ts'
import { exampleFiles, registryVariables } from './example-files.ts'

const folder = fileURLToPath(new URL('../../examples/microservices-shop', import.meta.url))
const skip = terraformAwsMissing() || awsMissing() || postgresMissing() || redisMissing()
const sizes = 'infra/platform/environments/stage.tfvars'

test('a platform and the services on it travel together, and what would lose data waits', {
  skip,
  timeout: 600_000,
}, async (t) => {
  const [postgres, redis, aws] = await Promise.all([startPostgres(), startRedis(), startAws()])
  t.after(() => Promise.all([postgres.stop(), redis.stop(), aws.stop()]))
  await postgres.createDatabase('shop')
  const files = Object.fromEntries(await exampleFiles(folder))
  const modules = Object.entries(files).flatMap(([path, text]) => (path.endsWith('.tf') ? [text] : []))
  await using running = await startCloud(modules, {
    'aws_db_instance.address': '127.0.0.1',
    'aws_elasticache_replication_group.primary_endpoint_address': '127.0.0.1',
  })
  const { cloud } = running
  const states = await openStates(aws, t)
  const ports = `\ndatabase_port = ${portOf(postgres.urlOf('shop'))}\ncache_port = ${portOf(redis.url)}\nencrypted_connections = false\n`
  await using project = await openProject({
    files: { ...files, 'trunkline.yaml': fitted(files, aws), [sizes]: `${files[sizes]}${ports}` },
    environment: {
      ...registryVariables(),
      ...{ ...aws.environment, ...running.environment, PATH: withTerraform()['PATH'] ?? '' },
      ...{ STAGE_DATABASE_PASSWORD: postgres.password, STAGE_CACHE_PASSWORD: redis.password },
    },
  })
  const platformIn = async () => {
    const { environments } = await project.json<Plan>(0, ['plan'])
    return environments[0]?.services.find(({ name }) => name === 'platform')
  }
  const sizedAs = (from: string, to: string) => {
    const text = `${files[sizes]}${ports}`
    assert.ok(text.includes(from))
    return { [sizes]: text.replace(from, to) }
  }

  await t.test('the first delivery makes network, cluster and data, migrates, and brings the services', async () => {
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    const made = new Set(cloud.calls.map(({ type }) => type))
    for (const type of ['aws_vpc', 'aws_eks_node_group', 'aws_eks_access_entry', 'aws_db_instance'])
      assert.ok(made.has(type), type)
    const products = await (await fetch(`${await project.address('stage', 'products')}/products`)).text()
    assert.match(products, /honey/)
    assert.deepEqual(await postgres.query('shop', 'SELECT count(*) FROM products'), ['12'])
  })

  await t.test('its state is in S3 under its key, and nobody holds its lock', async () => {
    assert.deepEqual(await states(), ['shop/stage/platform.tfstate'])
  })

  await t.test('delivered again, nothing is asked of the cloud', async () => {
    const before = cloud.calls.length
    assert.equal((await project.json(0, ['deliver'])).outcome, 'nothing')
    assert.equal(cloud.calls.length, before)
  })

  await t.test('what somebody changes at the cloud is told by diff', async () => {
    const [key = ''] = [...cloud.resources.keys()].filter((known) => known.startsWith('aws_db_instance/'))
    const kept = cloud.resources.get(key) ?? {}
    cloud.resources.set(key, { ...kept, backup_retention_period: 0 })
    const { drift } = await project.json<DriftDocument>(1, ['diff', 'stage', '--check'])
    assert.deepEqual(
      drift.map(({ service, subject, fields }) => [service, subject, fields.map(({ path }) => path)]),
      [['platform', 'module.data.aws_db_instance.products', ['backup_retention_period']]],
    )
    cloud.resources.set(key, kept)
  })

  await t.test('a larger database is planned as a change, applied, and no image or bundle is built', async () => {
    await project.push('a larger database', sizedAs('db.t4g.micro', 'db.t4g.small'))
    const planned = await platformIn()
    assert.deepEqual(planned?.preview?.changes, [
      {
        action: 'change',
        subject: 'module.data.aws_db_instance.products',
        because: ['instance_class'],
        stateful: true,
      },
    ])
    const before = cloud.calls.length
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.deepEqual(
      cloud.calls.slice(before).map(({ action, type }) => `${action} ${type}`),
      ['update aws_db_instance'],
    )
  })

  await t.test(
    'another network would take everything with it: that waits for somebody, who sees what goes',
    async () => {
      await project.push('other addresses', sizedAs('10.10.0.0/16', '10.99.0.0/16'))
      const before = cloud.calls.length
      assert.equal((await project.json(0, ['deliver'])).outcome, 'waiting')
      const changes = (await platformIn())?.preview?.changes ?? []
      const lost = changes
        .filter(({ action, stateful }) => action === 'replace' && stateful)
        .map(({ subject }) => subject)
      assert.ok(lost.includes('module.network.aws_vpc.this'), `${lost}`)
      assert.equal(cloud.calls.length, before)
      await project.json(0, ['reject', 'stage'])
    },
  )
})

const portOf = (url: string): string => new URL(url).port

/** A bucket of states; answers the keys in it. */
async function openStates(part: AwsPart, t: TestContext): Promise<() => Promise<string[]>> {
  const aws = openAws(part.access, { variables: part.environment, clock: systemClock })
  t.after(() => aws.close())
  const s3 = aws.client(S3Client)
  const signal = AbortSignal.timeout(600_000)
  await aws.send(s3, new CreateBucketCommand({ Bucket: 'states' }), { signal })
  return async () => {
    const { Contents = [] } = await aws.send(s3, new ListObjectsV2Command({ Bucket: 'states' }), { signal })
    return Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key]))
  }
}

type Configuration = { services: Record<string, Record<string, unknown>>; environments: Record<string, unknown> }

/** The platform and its users as `trunkline.eks.yaml` has them, on this machine instead of a cluster. */
function fitted(files: Record<string, string>, aws: AwsPart): string {
  const here = parse(files['trunkline.yaml'] ?? '') as Configuration
  const there = parse(files['trunkline.eks.yaml'] ?? '') as Configuration & {
    environments: { stage: { hooks: unknown; targets: { platform: { terraform: Record<string, unknown> } } } }
  }
  const { stage } = there.environments
  const onThisMachine = ['products', 'carts'].map((name) => {
    const { checks: _, checkInputs: __, ...service } = here.services[name] ?? {}
    const env = { ...(service['env'] as object), ...(there.services[name]?.['env'] as object) }
    return [name, { ...service, env, target: 'cluster' }]
  })
  const backend = {
    s3: {
      ...{ bucket: 'states', key: '{project}/{environment}/{service}.tfstate', region: aws.region, use_lockfile: true },
      ...{ use_path_style: true, endpoints: { s3: aws.endpoint, sts: aws.endpoint } },
    },
  }
  return stringify({
    ...here,
    project: 'shop',
    tasks: undefined,
    services: { platform: there.services['platform'], ...Object.fromEntries(onThisMachine) },
    environments: {
      stage: {
        on: { branch: 'main' },
        aws: { region: aws.region, account: aws.account, role: `arn:aws:iam::${aws.account}:role/shop-deploy-stage` },
        targets: {
          platform: { terraform: { ...stage.targets.platform.terraform, backend } },
          cluster: { fleet: { hosts: ['local'] } },
        },
        variables: { prefix: 'STAGE_', dotenv: 'environments/stage.env' },
        hooks: stage.hooks,
      },
    },
  })
}
