/**
 * `npm run lab -- cluster registry`: a Kubernetes and a registry on this machine to try things on, made of the tests'
 * own parts; `npm run lab -- aws`: an emulator of AWS. Prints one line of JSON that says where they are, and ends with its
 * standard input.
 */

import { join } from 'node:path'
import { awsMissing, startAws } from '../test/parts/aws/aws.ts'
import { oslsFolder, oslsMissing } from '../test/parts/aws/osls.ts'
import { startHasura } from '../test/parts/hasura.ts'
import { startArgoCd } from '../test/parts/kubernetes/argocd.ts'
import { kubernetesMissing, startCluster } from '../test/parts/kubernetes/cluster.ts'
import { startJobRunner } from '../test/parts/kubernetes/job-runner.ts'
import { startKnative } from '../test/parts/kubernetes/knative.ts'
import { helm, kubectl, kubernetesToolsMissing } from '../test/parts/kubernetes/tools.ts'
import { postgresMissing, startPostgres } from '../test/parts/postgres.ts'
import { redisMissing } from '../test/parts/redis.ts'
import { registryMissing, startRegistry } from '../test/parts/registry.ts'
import { startSlack } from '../test/parts/slack.ts'

const wanted = new Set(process.argv.slice(2))
if (wanted.size === 0) for (const part of ['cluster', 'registry']) wanted.add(part)
if (wanted.has('argocd') || wanted.has('knative') || wanted.has('jobs')) wanted.add('cluster')

const partMissing = 3
const problems = missing()
if (problems.length > 0) {
  for (const problem of problems) console.error(problem)
  process.exit(partMissing)
}

/** What was started, newest last. */
const started: Array<{ stop(): Promise<void> }> = []
let isEnding = false
process.stdin.resume().once('close', () => void end(0))
process.stdin.once('end', () => void end(0))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(0))

try {
  const place = await start()
  console.log(JSON.stringify(place))
  if (process.stdin.isTTY) for (const line of hints(place)) console.error(line)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  await end(1)
}

function missing(): string[] {
  const found = [
    wanted.has('cluster') && kubernetesMissing(),
    wanted.has('argocd') && (kubernetesMissing(['argocd']) || redisMissing()),
    wanted.has('knative') && kubernetesMissing(['knative']),
    wanted.has('cluster') && kubernetesToolsMissing(),
    wanted.has('registry') && registryMissing(),
    wanted.has('hasura') && postgresMissing(),
    wanted.has('aws') && awsMissing(),
    wanted.has('osls') && oslsMissing(),
  ]
  return [...new Set(found.filter((problem) => problem !== false))]
}

async function start() {
  const [registry, cluster, aws] = await Promise.all([
    wanted.has('registry') ? keep(startRegistry()) : null,
    wanted.has('cluster') ? keep(startCluster()) : null,
    wanted.has('aws') ? keep(startAws()) : null,
  ])
  // Nobody wants to wait here for what an emulator only pretends to be busy with.
  for (const service of ['cloudformation', 'codedeploy']) await aws?.wish(service, { at_once: true })
  if (cluster !== null && wanted.has('argocd')) await keep(startArgoCd(cluster))
  if (cluster !== null && wanted.has('knative')) await keep(startKnative(cluster))
  if (cluster !== null && wanted.has('jobs')) await keep(startJobRunner(cluster))
  return {
    kubeconfig: cluster?.kubeconfig ?? null,
    registry: registry?.host ?? null,
    helm: helm(),
    kubectl: kubectl(),
    aws: aws === null ? null : { endpoint: aws.endpoint, account: aws.account, environment: aws.environment },
    osls: wanted.has('osls') ? join(oslsFolder(), 'node_modules', '.bin', 'osls') : null,
    standIns: {
      ...(wanted.has('hasura') ? await hasuras() : {}),
      ...(wanted.has('slack') ? { slack: (await keep(startSlack())).url } : {}),
    },
  }
}

/** What a person at a terminal may want to type next. */
function hints({ kubeconfig, aws, osls }: Awaited<ReturnType<typeof start>>): string[] {
  return [
    'It runs until Ctrl-D or Ctrl-C.',
    ...(kubeconfig === null
      ? []
      : ['Containers are played, not run: nothing answers at their addresses.', `export KUBECONFIG=${kubeconfig}`]),
    ...(aws === null
      ? []
      : [
          `The emulator of AWS is account ${aws.account}; test/parts/aws/README.md says what it cannot do.`,
          ...Object.entries(aws.environment).map(([name, value]) => `export ${name}=${value}`),
          `In trunkline.yaml: aws: { region: ${aws.environment['AWS_REGION']}, account: "${aws.account}", endpoint: "${aws.endpoint}" }`,
        ]),
    ...(osls === null ? [] : [`The Serverless framework: ${osls}`]),
  ]
}

/** One for each environment of the loyalty backend; the admin secret is `local`. */
async function hasuras(): Promise<Record<string, string>> {
  const postgres = await keep(startPostgres())
  const urls: Record<string, string> = {}
  for (const database of ['stag', 'prod']) {
    await postgres.createDatabase(database)
    urls[`hasura/${database}`] = (await keep(startHasura({ postgres, database, adminSecret: 'local' }))).url
  }
  return urls
}

async function keep<Part extends { stop(): Promise<void> }>(starting: Promise<Part>): Promise<Part> {
  const part = await starting
  started.push(part)
  return part
}

async function end(exitCode: number): Promise<void> {
  if (isEnding) return
  isEnding = true
  for (const part of started.reverse()) await part.stop()
  process.exit(exitCode)
}
