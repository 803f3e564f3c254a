/** Which permission an API call needs, where AWS does not say it. */

/** What policies call a service, by the SDK's name for it where lower case does not do. */
const prefixes: Record<string, string> = {
  'Auto Scaling': 'autoscaling',
  'CloudWatch Logs': 'logs',
  'Elastic Load Balancing v2': 'elasticloadbalancing',
  'Secrets Manager': 'secretsmanager',
}

/** Calls that a permission of another name covers. */
const permissions: Record<string, string> = {
  's3:HeadObject': 's3:GetObject',
  's3:HeadBucket': 's3:ListBucket',
  's3:ListObjectsV2': 's3:ListBucket',
  's3:DeleteObjects': 's3:DeleteObject',
  's3:CopyObject': 's3:PutObject',
  's3:CreateMultipartUpload': 's3:PutObject',
  's3:UploadPart': 's3:PutObject',
  's3:CompleteMultipartUpload': 's3:PutObject',
  'lambda:Invoke': 'lambda:InvokeFunction',
}

/** `lambda:GetAlias` */
export function permissionFor(service: string, operation: string): string {
  const permission = `${prefixes[service] ?? service.toLowerCase().replaceAll(' ', '')}:${operation}`
  return permissions[permission] ?? permission
}
