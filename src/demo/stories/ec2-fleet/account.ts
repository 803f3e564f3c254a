/** The account of AWS that the story plays in, an emulator's, and what a person would look up in its console. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BatchGetDeploymentsCommand,
  BatchGetDeploymentTargetsCommand,
  CodeDeployClient,
  type DeploymentInfo,
  type InstanceTarget,
  ListDeploymentsCommand,
  ListDeploymentTargetsCommand,
} from '@aws-sdk/client-codedeploy'
import type { LabAws } from '../../lab.ts'
import { expect } from '../../story.ts'
import { type LabAccount, openLabAccount } from '../lab-account.ts'

/** As the example has it. */
export const region = 'ap-southeast-2'

export type Account = Pick<LabAccount, 'makeStack' | 'publish' | 'stacks'> & {
  readonly lab: LabAws
  /** Of one environment's group, oldest first. */
  deployments(environment: string): Promise<DeploymentInfo[]>
  /** In the order in which they were deployed to. */
  instances(deployment: DeploymentInfo): Promise<InstanceTarget[]>
  /** Where instances answer, of those that CodeDeploy's agent has deployed to; the newest word counts. */
  pages(environment: string): Promise<Array<{ instance: string; url: string }>>
  close(): Promise<void>
}

export async function openAccount(lab: LabAws, folder: string): Promise<Account> {
  const { aws, options, makeStack, publish, stacks } = await openLabAccount(lab, region)
  await runsScripts(lab, folder, options().signal)
  const codedeploy = aws.client(CodeDeployClient)

  return {
    ...{ lab, makeStack, publish, stacks },
    async deployments(environment) {
      const group = { applicationName: `ec2-fleet-${environment}`, deploymentGroupName: environment }
      const { deployments: deploymentIds = [] } = await aws.send(
        codedeploy,
        new ListDeploymentsCommand(group),
        options(),
      )
      if (deploymentIds.length === 0) return []
      const get = new BatchGetDeploymentsCommand({ deploymentIds })
      const { deploymentsInfo = [] } = await aws.send(codedeploy, get, options())
      const moment = ({ createTime }: DeploymentInfo) => createTime?.getTime() ?? 0
      return deploymentsInfo.sort((left, right) => moment(left) - moment(right))
    },
    async instances({ deploymentId }) {
      const list = new ListDeploymentTargetsCommand({ deploymentId })
      const { targetIds = [] } = await aws.send(codedeploy, list, options())
      const get = new BatchGetDeploymentTargetsCommand({ deploymentId, targetIds })
      const { deploymentTargets = [] } = await aws.send(codedeploy, get, options())
      return deploymentTargets.flatMap(({ instanceTarget }) => instanceTarget ?? [])
    },
    async pages(environment) {
      const found = new Map<string, string>()
      for (const fact of await told(lab, options().signal)) {
        if (fact.serves !== undefined && fact.group === environment) {
          found.set(fact.serves, `http://127.0.0.1:${fact.port}/`)
        }
      }
      return [...found].map(([instance, url]) => ({ instance, url }))
    },
    async close() {
      const limit = options().signal
      const homes = new Set((await told(lab, limit).catch(() => [])).flatMap(({ home }) => home ?? []))
      for (const home of homes) await endRehearsed(join(home, 'web'))
      await aws.close()
    },
  }
}

/** What the emulator is told beside AWS's own API: its instances are folders, and run the scripts of `appspec.yml`. */
async function runsScripts({ endpoint }: LabAws, folder: string, signal: AbortSignal): Promise<void> {
  const variables = { WEB_HOME: '{home}', WEB_PORT: '{port}' }
  const body = JSON.stringify({ agent: { folder, variables } })
  const { ok } = await fetch(`${endpoint}/moto-api/plus/codedeploy`, { method: 'POST', body, signal })
  expect(ok, 'the instances of the emulator run scripts')
}

type Told = { serves?: string; group?: string; port?: number; home?: string }

async function told({ endpoint }: LabAws, signal: AbortSignal): Promise<Told[]> {
  const answer = await fetch(`${endpoint}/moto-api/plus/codedeploy`, { signal })
  return ((await answer.json()) as { told: Told[] }).told // test/parts/aws/plus/codedeploy_agent.py
}

/** Ends what the scripts of the example have started in a folder, by its pid. */
export async function endRehearsed(folder: string): Promise<void> {
  const pid = Number(await readFile(join(folder, 'web.pid'), 'utf8').catch(() => '0'))
  if (!Number.isInteger(pid) || pid <= 0) return
  try {
    process.kill(pid, 'SIGTERM')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
