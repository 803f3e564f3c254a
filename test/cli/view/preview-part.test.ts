import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderPlan } from '../../../src/cli/view/index.ts'
import type { Plan } from '../../../src/model/index.ts'
import { digest, shopPlan } from './shop.ts'

test('a plan page says what platforms would do, what loses data first', () => {
  const plan: Plan = {
    ...shopPlan(),
    services: [],
    steps: [],
    environments: [
      {
        name: 'prod',
        action: 'deploy',
        reasons: [],
        plan: null,
        services: [
          {
            name: 'network',
            from: digest('a'),
            to: digest('b'),
            action: 'deploy',
            reasons: [],
            preview: {
              digest: 'x',
              changes: [
                { action: 'add', subject: 'AWS::EC2::Subnet Third' },
                { action: 'change', subject: 'AWS::EC2::VPC Main', because: ['Tags'] },
                { action: 'replace', subject: 'AWS::RDS::DBInstance Orders', because: ['Engine'], stateful: true },
                { action: 'replace', subject: 'AWS::EC2::Instance Bastion', because: ['ImageId'] },
              ],
            },
          },
        ],
      },
    ],
  }
  const lines = renderPlan(plan, { colour: false, unicode: true, width: 100 })
  const from = lines.findIndex((line) => line.includes('network:'))
  assert.deepEqual(lines.slice(from, from + 5), [
    '    network: 1 to add, 1 to change, 2 to replace',
    '      ± replace  AWS::RDS::DBInstance Orders  Engine, its data is lost',
    '      ± replace  AWS::EC2::Instance Bastion   ImageId',
    '      ~ change   AWS::EC2::VPC Main           Tags',
    '      + add      AWS::EC2::Subnet Third',
  ])
})
