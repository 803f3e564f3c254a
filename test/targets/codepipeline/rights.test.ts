/** The rights that the guide names are enough, and each is needed. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { AwsPart } from '../../parts/aws/aws.ts'
import { approved, describePipelines, inTime, seen } from './codepipeline-under-test.ts'

type Keys = Awaited<ReturnType<typeof makeUser>>

/** Of the calls of a delivery that goes well. */
const needed = ['codepipeline:ListActionExecutions', 'codepipeline:PutApprovalResult', 's3:PutObject']

describePipelines('the rights that the guide of pipelines names', (at) => {
  const open = (keys: Keys) => at.shop.open({ config: { approvals: ['Release'] }, keys })

  test('are enough to bring a release, to pass an approval and to look; without one of them its name is told', async () => {
    await at.shop.makePipeline(approved(at.shop.bucket))
    const request = await at.shop.release('1')
    const rights = await rightsInGuide()
    const all = await makeUser(at.part, 'all', rights)
    const lacking = new Map<string, Keys>()
    for (const right of needed) {
      assert.ok(rights.includes(right), right)
      const others = rights.filter((known) => known !== right)
      lacking.set(right, await makeUser(at.part, right.replace(':', '-'), others))
    }
    for (const [right, keys] of lacking) {
      await at.part.checkPermissions()
      await assert.rejects(open(keys).ensure(await at.shop.release(right), at.shop.context()), denialOf(right))
      await at.shop.clear()
    }
    await at.part.checkPermissions()
    const target = open(all)
    assert.deepEqual(await target.ensure(request, at.shop.context()), { ok: true })
    assert.equal((await seen(target)).generation, 'generation-1')
    assert.equal((await target.examine?.(['web'], inTime()))?.[0]?.isWell, true)
  })
})

/** Moto answers XML where AWS answers JSON: only the call is known then. */
const denialOf = (right: string): RegExp => new RegExp(`${right.replace(/^.*:/, '')}.*(?:403|lacks the permission)`)

/** `codepipeline:GetPipeline`, `s3:GetObject` */
async function rightsInGuide(): Promise<string[]> {
  const text = await readFile(new URL('../../../docs/targets/codepipeline.md', import.meta.url), 'utf8')
  const section = text.slice(text.indexOf('## Permissions'))
  let service = ''
  return [...section.matchAll(/`(?:([a-z0-9]+):)?([A-Z][A-Za-z]+)`/g)].map(([, prefix = service, action]) => {
    service = prefix
    return `${prefix}:${action}`
  })
}

async function makeUser(part: AwsPart, user: string, actions: readonly string[]) {
  const ask = async (form: Record<string, string>): Promise<string> => {
    const response = await fetch(part.endpoint, {
      method: 'POST',
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/iam/aws4_request' },
      body: new URLSearchParams({ Version: '2010-05-08', UserName: user, ...form }),
      signal: inTime(),
    })
    const text = await response.text()
    assert.ok(response.ok, text)
    return text
  }
  await ask({ Action: 'CreateUser' })
  const statement = { Effect: 'Allow', Action: actions, Resource: '*' }
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  await ask({ Action: 'PutUserPolicy', PolicyName: 'rights', PolicyDocument: policy })
  const answer = await ask({ Action: 'CreateAccessKey' })
  const [, id = ''] = /<AccessKeyId>([^<]+)/.exec(answer) ?? []
  const [, secret = ''] = /<SecretAccessKey>([^<]+)/.exec(answer) ?? []
  return { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret }
}
