/** Pure: what AWS says of a change, in the words of a preview; causes; edits of templates. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ResourceChange, StackEvent } from '@aws-sdk/client-cloudformation'
import { digestOfChanges, previewedChange } from '../../../src/targets/cloudformation/change-set/previewed-changes.ts'
import { firstCause } from '../../../src/targets/cloudformation/first-cause.ts'
import { readParameterFile } from '../../../src/targets/cloudformation/parameters.ts'
import { editTemplate } from '../../../src/targets/cloudformation/template/edit-template.ts'
import { codeReference, localReferences } from '../../../src/targets/cloudformation/template/local-references.ts'
import { parseTemplate } from '../../../src/targets/cloudformation/template/parse-template.ts'

const table = (policies = '') =>
  parseTemplate(`Resources:\n  Orders:\n    Type: AWS::DynamoDB::Table\n${policies}`, 't.yaml')
const guarded = { before: table(), after: table(), stateful: ['Custom::Ledger'] }
const replaced: ResourceChange = {
  Action: 'Modify',
  ResourceType: 'AWS::DynamoDB::Table',
  LogicalResourceId: 'Orders',
  Replacement: 'True',
}

const removed: ResourceChange = {
  Action: 'Remove',
  ResourceType: 'AWS::DynamoDB::Table',
  LogicalResourceId: 'Orders',
}

describe('previewed changes', () => {
  for (const [what, change, expected] of [
    ['what is replaced, the old one kept by AWS’s own word', { ...replaced, PolicyAction: 'ReplaceAndSnapshot' }, true],
    ['what AWS says is replaced and deleted', { ...replaced, PolicyAction: 'ReplaceAndDelete' }, true],
    ['what is removed, but kept by AWS’s own word', { ...removed, PolicyAction: 'Snapshot' }, undefined],
    ['what AWS says is deleted', { ...removed, PolicyAction: 'Delete' }, true],
    ['what may be replaced', { ...replaced, Replacement: 'Conditional' }, true],
    ['what is changed in place', { ...replaced, Replacement: 'False' }, undefined],
    ['what holds no data', { ...replaced, ResourceType: 'AWS::SNS::Topic' }, undefined],
    ['a type that the project names', { ...replaced, ResourceType: 'Custom::Ledger' }, true],
  ] satisfies Array<[string, ResourceChange, true | undefined]>) {
    test(`${what} ${expected ? 'is marked' : 'is not marked'} as a loss`, () => {
      assert.equal(previewedChange(change, [], guarded).stateful, expected)
    })
  }

  test('of a nested stack the path is told, and data counts as lost where nobody says it is kept', () => {
    const { subject, stateful } = previewedChange(replaced, ['Data', 'Tables'], guarded)
    assert.deepEqual([subject, stateful], ['AWS::DynamoDB::Table Data/Tables/Orders', true])
  })

  test('a policy that only CloudFormation can evaluate keeps nothing', () => {
    const before = table('    DeletionPolicy: !If [Prod, Retain, Delete]\n')
    assert.equal(previewedChange(removed, [], { ...guarded, before }).stateful, true)
    const kept = table('    DeletionPolicy: Retain\n')
    assert.equal(previewedChange(removed, [], { ...guarded, before: kept }).stateful, undefined)
  })

  test('a replacement says where the data is afterwards, if it is anywhere', () => {
    const stays = 'its data stays behind, in what is kept of the old one'
    const after = table('    UpdateReplacePolicy: Retain\n')
    assert.deepEqual(previewedChange(replaced, [], { ...guarded, after }).because, [stays])
    assert.equal(previewedChange(replaced, [], guarded).because, undefined)
  })

  test('the digest is the same however AWS orders what it says, and another where values differ', () => {
    const detail = (name: string, after: string) => ({
      Target: { Attribute: 'Properties' as const, Name: name, AfterValue: after },
    })
    const of = (...details: NonNullable<ResourceChange['Details']>) =>
      digestOfChanges('x', [
        { change: { ...replaced, Details: details, ChangeSetId: String(details.length) }, path: [] },
      ])
    assert.equal(of(detail('a', '1'), detail('b', '2')), of(detail('b', '2'), detail('a', '1')))
    assert.notEqual(of(detail('a', '1')), of(detail('a', '2')))
  })
})

describe('the first cause', () => {
  const event = (name: string, status: string, reason: string): StackEvent => ({
    ...{ StackId: 's', EventId: name, StackName: 's', Timestamp: new Date(0), PhysicalResourceId: `${name}-1` },
    ...{ ResourceType: 'AWS::SNS::Topic', LogicalResourceId: name, ResourceStatusReason: reason },
    ResourceStatus: status as NonNullable<StackEvent['ResourceStatus']>,
  })
  test('is what failed by itself, not what was cancelled because of it', () => {
    const events = [
      event('A', 'CREATE_FAILED', 'Resource creation cancelled'),
      event('B', 'CREATE_FAILED', 'Invalid name'),
      event('C', 'CREATE_FAILED', 'Limit exceeded'),
    ]
    assert.partialDeepStrictEqual(firstCause(events), { name: 'B', reason: 'Invalid name' })
    assert.equal(firstCause([event('A', 'CREATE_COMPLETE', '')]), null)
  })
})

describe('edits of templates', () => {
  const edited = (text: string, name = 'F') => {
    const template = parseTemplate(text, 't.yaml')
    const pair = codeReference(template, name)?.pair
    assert.ok(pair)
    return editTemplate(text, [{ pair, value: { S3Key: 'k' } }])
  }
  const before = 'Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code:'
  const after = '\n      Role: !GetAtt [R, Arn] # its own\n'
  for (const [what, value, expected] of [
    ['text', ' ./src  # here', ' {"S3Key":"k"}  # here'],
    ['a block', '\n        ZipFile: |\n          a\n\n          b', '\n        {"S3Key":"k"}'],
    ['a mapping in braces', ' { ZipFile: "x" }', ' {"S3Key":"k"}'],
    ['nothing', '', ' {"S3Key":"k"}'],
    ['a short form', ' !Ref Code', ' {"S3Key":"k"}'],
  ] as const) {
    test(`put a value where ${what} stood, and change nothing else`, () => {
      assert.equal(edited(`${before}${value}${after}`), `${before}${expected}${after}`)
    })
  }

  test('of JSON stay JSON', () => {
    const text = JSON.stringify({
      Resources: { F: { Type: 'AWS::Lambda::Function', Properties: { Code: 'src', N: '007' } } },
    })
    assert.deepEqual(JSON.parse(edited(text)).Resources.F.Properties, { Code: { S3Key: 'k' }, N: '007' })
  })

  test('are made only where a file is named: addresses and functions stay', () => {
    const text = (value: string) => `${before}${value}${after}`
    const paths = (value: string) => localReferences(parseTemplate(text(value), 't.yaml')).map(({ path }) => path)
    assert.deepEqual(paths(' ./src'), ['./src'])
    for (const value of [' s3://b/k', ' !Ref X', ' { S3Bucket: b, S3Key: k }']) assert.deepEqual(paths(value), [])
  })
})

describe('files of parameters', () => {
  for (const [what, text] of [
    ['a mapping', 'A: 007\nB: [x, y]\n'],
    [
      'a list of the AWS CLI',
      '[{"ParameterKey": "A", "ParameterValue": "007"}, {"ParameterKey": "B", "ParameterValue": "x,y"}]',
    ],
    ['what CodePipeline takes', '{"Parameters": {"A": "007", "B": "x,y"}}'],
  ] as const) {
    test(`may be ${what}`, () => assert.deepEqual(readParameterFile(text, 'p'), { A: '007', B: 'x,y' }))
  }
  test('of another form are refused with what is expected', () => {
    assert.throws(() => readParameterFile('A: { b: c }', 'p.yaml'), { code: 'PARAMETER_FILE_INVALID' })
    assert.throws(() => readParameterFile('A: [', 'p.yaml'), { code: 'PARAMETER_FILE_INVALID' })
  })
})
