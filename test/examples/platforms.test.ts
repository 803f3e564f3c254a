/** Platforms of the examples: what `trunkline.eks.yaml` says of them, and what their modules do with each environment's values. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseProject } from '../../src/config/index.ts'
import type { Project, Service } from '../../src/model/index.ts'
import { layOut, terraformAwsMissing } from '../parts/terraform-aws/module.ts'

const examples = fileURLToPath(new URL('../../examples', import.meta.url))
const secrets = { database_password: 'stage-password', cache_password: 'stage-password-of-redis' }

function projectOf(folder: string, file: string): Project {
  const text = readFileSync(join(folder, file), 'utf8')
  const parsed = parseProject({ text, file, pathExists: (path) => existsSync(join(folder, path)) })
  if ('problems' in parsed) assert.fail(parsed.problems.map(({ message }) => message).join('\n'))
  return parsed.project
}

for (const [example, beside] of [
  ['branch-per-environment', 'trunkline.yaml'],
  ['microservices-shop', 'trunkline.kubernetes.yaml'],
] as const) {
  describe(`the platform of ${example}`, () => {
    const folder = join(examples, example)
    const module = join(folder, 'infra/platform')
    const project = projectOf(folder, 'trunkline.eks.yaml')
    const { platform, ...others } = project.services
    assert.ok(platform?.run?.kind === 'terraform')
    const { run } = platform

    test('every service comes after it, and is otherwise what it is without it', () => {
      const given = new Set(
        [...readFileSync(join(module, 'outputs.tf'), 'utf8').matchAll(/^output "(\w+)"/gm)].map(([, name]) => name),
      )
      const without = projectOf(folder, beside).services
      assert.deepEqual(Object.keys(others), Object.keys(without))
      for (const [name, service] of Object.entries(others)) {
        const outputs = Object.values(service.env).flatMap((variable) => (variable.kind === 'output' ? [variable] : []))
        assert.ok(
          outputs.some((variable) => variable.service === 'platform'),
          `${name} is given nothing by the platform`,
        )
        for (const { output } of outputs) assert.ok(given.has(output), `${name} takes ${output}`)
        assert.deepEqual(withoutPlace(service), withoutPlace(without[name]))
      }
    })

    for (const environment of Object.keys(project.environments)) {
      test(`it is made with the values of ${environment}, and then nothing is left to do`, {
        skip: terraformAwsMissing(),
        timeout: 300_000,
      }, async () => {
        await using laid = await layOut(module)
        const fixed = Object.entries(run.variables).map(([name, value]) => [
          name,
          value.replace('{project}', project.name).replace('{environment}', environment),
        ])
        const values = { ...Object.fromEntries(fixed), ...secretsOf(platform) }
        const files = run.variableFiles.map((file) => file.replace('{environment}', environment))
        const words = files.map((file) => `-var-file=${join(folder, file)}`)
        const applied = await laid.terraform(['apply', '-auto-approve', '-input=false', ...words], values)
        assert.equal(applied.exitCode, 0, applied.output)
        assert.doesNotMatch(applied.output, /Warning/)
        const again = await laid.terraform(['plan', '-detailed-exitcode', '-input=false', ...words], values)
        assert.equal(again.exitCode, 0, again.output)
      })
    }

    test('what must be there before it is made once by hand', {
      skip: terraformAwsMissing(),
      timeout: 300_000,
    }, async () => {
      await using laid = await layOut(join(folder, 'infra/bootstrap'))
      const refs = Object.fromEntries(Object.keys(project.environments).map((name) => [name, 'heads/main']))
      const values = { account: '111122223333', repository: 'example/shop', refs: JSON.stringify(refs) }
      const more = { images_for: '["444455556666"]' }
      const { exitCode, output } = await laid.terraform(['apply', '-auto-approve', '-input=false'], {
        ...values,
        ...more,
      })
      assert.equal(exitCode, 0, output)
      const roles = laid.cloud.calls.filter(({ type }) => type === 'aws_iam_role').map(({ values }) => values['name'])
      assert.deepEqual(roles.sort(), ['shop-images', ...Object.keys(refs).map((name) => `shop-deploy-${name}`)].sort())
    })
  })
}

const secretsOf = ({ env }: Service): Record<string, string> =>
  Object.fromEntries(Object.entries(secrets).filter(([name]) => name in env))

/** All but where it goes and what it is given there. */
function withoutPlace(service: Service | undefined) {
  const { env: _, target: __, deployAfter: ___, ...rest } = service ?? ({} as Service)
  return rest
}
