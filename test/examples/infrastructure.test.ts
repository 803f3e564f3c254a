/**
 * Everything in this repository that describes infrastructure is found and validated: templates of CloudFormation by
 * cfn-lint, root modules by Terraform itself, with the schema of the AWS provider that their lock files name.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { awsMissing } from '../parts/aws/aws.ts'
import { awsPython } from '../parts/aws/programs.ts'
import { terraformMissing, withTerraform } from '../parts/terraform.ts'
import { layOut, terraformAwsMissing } from '../parts/terraform-aws/module.ts'
import { providerVersion } from '../parts/terraform-aws/package.ts'

const execute = promisify(execFile)
const checkout = fileURLToPath(new URL('../..', import.meta.url))
const files = await filesOfTheRepository()
const textOf = (file: string): string => readFileSync(join(checkout, file), 'utf8')

/** Its program names the folder that it was installed in, which is not where it stays. */
const cfnLint = 'from cfnlint.runner import main; main()'

describe('templates of CloudFormation', { skip: awsMissing(), timeout: 300_000 }, () => {
  const templates = files.filter(
    (file) => /\.(?:ya?ml|json|template)$/.test(file) && /^\s*["']?Type["']?: ["']?AWS::\w+::\w+/m.test(textOf(file)),
  )

  test('all pass cfn-lint without a warning', async () => {
    assert.ok(templates.includes('examples/ec2-fleet/infra/bootstrap.yaml') && templates.length >= 7, `${templates}`)
    const { stdout } = await execute(awsPython(), ['-c', cfnLint, ...templates], { cwd: checkout })
    assert.equal(stdout.trim(), '')
  })

  test('cfn-lint would tell of a mistake in them', async (t) => {
    const scratch = await scratchFolder(t)
    const network = textOf('examples/ec2-fleet/infra/network.yaml')
    await writeFile(join(scratch, 'network.yaml'), network.replace('!Ref PublicRoutes }', '!Ref PublicRoute }'))
    const linted = execute(awsPython(), ['-c', cfnLint, 'network.yaml'], { cwd: scratch })
    await assert.rejects(linted, ({ stdout }: { stdout: string }) => /PublicRoute/.test(stdout))
  })
})

describe('modules of Terraform', () => {
  const folders = [...new Set(files.filter((file) => file.endsWith('.tf')).map(dirname))]
  const called = new Set(
    files
      .filter((file) => file.endsWith('.tf'))
      .flatMap((file) =>
        [...textOf(file).matchAll(/^\s*source\s*=\s*"(\.\.?\/[^"]+)"/gm)].map(([, source = '']) =>
          normalize(join(dirname(file), source)),
        ),
      ),
  )
  const roots = folders.filter((folder) => !called.has(folder))

  test('those that others call are there, and every other one is a root that says which provider it takes', () => {
    assert.deepEqual(
      [...called].filter((folder) => !folders.includes(folder)),
      [],
    )
    assert.ok(roots.length >= 4, `${roots}`)
    for (const root of roots) {
      assert.ok(!root.includes('/modules/'), `nobody calls ${root}`)
      assert.match(textOf(`${root}/.terraform.lock.hcl`), new RegExp(`version\\s+= "${providerVersion}"`))
    }
  })

  test('all are formatted', { skip: terraformMissing(), timeout: 120_000 }, async () => {
    const env = { ...withTerraform(), TF_CLI_CONFIG_FILE: '/dev/null' }
    const formatted = execute('terraform', ['fmt', '-check', '-recursive', '-diff', '.'], { cwd: checkout, env })
    await formatted.catch(({ stdout }: { stdout: string }) => assert.fail(stdout))
  })

  for (const root of roots) {
    test(`${root} is valid`, { skip: terraformAwsMissing(), timeout: 300_000 }, async () => {
      await using module = await layOut(join(checkout, root))
      const { exitCode, output } = await module.terraform(['validate'])
      assert.equal(exitCode, 0, output)
      assert.doesNotMatch(output, /Warning/)
    })
  }

  test('Terraform would tell of each kind of mistake in them', {
    skip: terraformAwsMissing(),
    timeout: 300_000,
  }, async (t) => {
    const scratch = await scratchFolder(t)
    const platform = join(checkout, 'examples/branch-per-environment/infra/platform')
    const file = join(scratch, 'modules/cluster/main.tf')
    await cp(platform, scratch, { recursive: true })
    const right = await readFile(file, 'utf8')
    const mistakes: Array<[string | RegExp, string, RegExp]> = [
      [/^ {2}role_arn .*\n/m, '', /Missing required argument/],
      ['capacity_type ', 'capasity_type ', /Unsupported argument/],
      ['update_config {', 'update_konfig {', /Unsupported block type/],
      [
        'deletion_protection           = var.deletion_protected',
        'deletion_protection = "perhaps"',
        /a bool is required/,
      ],
      ['aws_kms_key.secrets.arn', 'aws_kms_key.secrets.orn', /Unsupported attribute/],
      [/ {2}scaling_config \{\n(?: {4}.*\n)+ {2}\}\n/, '', /Insufficient scaling_config blocks/],
      [
        / {2}upgrade_policy \{\n(?: {4}.*\n)+ {2}\}\n/,
        '  upgrade_policy {}\n  upgrade_policy {}\n',
        /Too many upgrade_policy/,
      ],
    ]
    for (const [what, instead, told] of mistakes) {
      const wrong = right.replace(what, instead)
      assert.notEqual(wrong, right, `${what}`)
      await writeFile(file, wrong)
      await using module = await layOut(scratch)
      const { exitCode, output } = await module.terraform(['validate'])
      assert.equal(exitCode, 1, `${what}`)
      assert.match(output.replaceAll(/[│\s]+/g, ' '), told)
    }
  })
})

async function filesOfTheRepository(): Promise<string[]> {
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const { stdout } = await execute('git', words, { cwd: checkout, maxBuffer: 64 * 1024 * 1024 })
  return stdout.split('\0').filter((file) => file !== '')
}

async function scratchFolder(t: { after(end: () => Promise<void>): void }): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'trunkline-lint-'))
  t.after(() => rm(scratch, { recursive: true, force: true }))
  return scratch
}
