/** What a `serverless.yml` becomes; the real framework deploys by it in `delivery.test.ts`. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { readServerlessConfiguration } from '../../../src/targets/lambda/serverless/configuration.ts'

const serverlessYml = `service: letters
provider:
  name: aws
  runtime: nodejs22.x
  versionFunctions: false
  environment: { STAGE: "\${sls:stage}", GREETING: "\${env:GREETING}" }
package:
  patterns: ['!**', 'dist/**']
functions:
  hello: { handler: dist/hello.main }
  bye: { handler: dist/bye.main }
resources:
  Resources:
    Letters: { Type: AWS::SNS::Topic, Properties: { DisplayName: !Sub "letters-\${AWS::Region}" } }
`

describe('a serverless.yml whose functions are zips that were built', () => {
  const read = (text = serverlessYml) => readServerlessConfiguration(text, 'functions/serverless.yml')

  test('keeps what it says, tags of CloudFormation too, and takes one zip for all', () => {
    const text = read().withZips(['.p/letters.zip'])
    assert.match(text, /!Sub/)
    assert.deepEqual(parse(text, { logLevel: 'silent' }).package, {
      patterns: ['!**', 'dist/**'],
      artifact: '.p/letters.zip',
    })
  })

  test('takes a zip for each function where they were packaged one by one', () => {
    const { functions } = parse(read().withZips(['.p/hello.zip', '.p/bye.zip']), { logLevel: 'silent' })
    assert.deepEqual(functions.hello, { handler: 'dist/hello.main', package: { artifact: '.p/hello.zip' } })
    assert.deepEqual(functions.bye.package, { artifact: '.p/bye.zip' })
  })

  test('is refused where nobody can tell whose a zip is, what its stack is called, or what it says', () => {
    assert.throws(() => read().withZips(['a.zip', 'b.zip']), { code: 'SERVERLESS_ZIPS' })
    assert.throws(() => read(`service: \${env:NAME}\n`).stackAt('prod'), { code: 'SERVERLESS_CONFIG' })
    assert.throws(() => readServerlessConfiguration('module.exports = {}', 'serverless.js'), {
      code: 'SERVERLESS_CONFIG',
    })
    assert.throws(() => read('a: [').stackAt('prod'), { code: 'SERVERLESS_CONFIG' })
  })

  test('has a stack for each stage', () => {
    assert.equal(read().stackAt('prod'), 'letters-prod')
    assert.equal(read(`service: a\nprovider: { stackName: "x-\${sls:stage}" }\n`).stackAt('prod'), 'x-prod')
  })
})
