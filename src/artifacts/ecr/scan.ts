/** What ECR found in an image: basic scans and enhanced ones (Inspector). */
import {
  DescribeImageScanFindingsCommand,
  DescribeImagesCommand,
  ECRClient,
  type EnhancedImageScanFinding,
  type ImageScanFinding,
  paginateDescribeImageScanFindings,
} from '@aws-sdk/client-ecr'
import type { Aws } from '../../aws/index.ts'
import { type Digest, type ScanFinding, type ScanReport, type ScanSeverity, scanSeverities } from '../../model/index.ts'

/** A hundred a page: whoever has more has seen enough. */
const maxPages = 50

export async function scanOf(
  aws: Aws,
  registryId: string,
  repositoryName: string,
  imageDigest: Digest,
  signal: AbortSignal,
): Promise<ScanReport> {
  const client = aws.client(ECRClient)
  const input = { registryId, repositoryName, imageId: { imageDigest } }
  const pending = async (): Promise<ScanReport> => ({ kind: 'pending', sinceMs: await pushedAt() })

  async function pushedAt(): Promise<number | null> {
    const command = new DescribeImagesCommand({ registryId, repositoryName, imageIds: [{ imageDigest }] })
    const { imageDetails = [] } = await aws.send(client, command, { signal })
    return imageDetails[0]?.imagePushedAt?.getTime() ?? null
  }

  try {
    const { imageScanStatus } = await aws.send(
      client,
      new DescribeImageScanFindingsCommand({ ...input, maxResults: 1 }),
      {
        signal,
      },
    )
    const { status, description } = imageScanStatus ?? {}
    if (status === 'IN_PROGRESS' || status === 'PENDING') return await pending()
    if (status !== 'COMPLETE' && status !== 'ACTIVE') {
      return { kind: 'unavailable', why: `ECR says ${status ?? 'nothing'}${description ? `: ${description}` : ''}` }
    }
  } catch (error) {
    if (aws.isError(error, 'ScanNotFoundException')) return await pending()
    if (aws.isError(error, 'ImageNotFoundException')) return { kind: 'unavailable', why: 'ECR does not have it' }
    throw error
  }
  const findings: ScanFinding[] = []
  for await (const page of aws.pages(paginateDescribeImageScanFindings, client, input, { signal, maxPages })) {
    const { findings: basic = [], enhancedFindings: enhanced = [] } = page.imageScanFindings ?? {}
    findings.push(...basic.map(basicFinding), ...enhanced.map(enhancedFinding))
  }
  return { kind: 'complete', findings }
}

const basicFinding = ({ name, severity, attributes = [] }: ImageScanFinding): ScanFinding => ({
  id: name ?? 'a finding without a name',
  severity: severityOf(severity),
  packageName: attributes.find(({ key }) => key === 'package_name')?.value ?? null,
})

const enhancedFinding = ({
  title,
  severity,
  packageVulnerabilityDetails: detail,
}: EnhancedImageScanFinding): ScanFinding => ({
  id: detail?.vulnerabilityId ?? title ?? 'a finding without a name',
  severity: severityOf(severity),
  packageName: detail?.vulnerablePackages?.[0]?.name ?? null,
})

/** What is not yet judged (`UNTRIAGED`) counts as undefined. */
function severityOf(said: string | undefined): ScanSeverity {
  const severity = scanSeverities.find((known) => known === said?.toLowerCase())
  return severity ?? 'undefined'
}
