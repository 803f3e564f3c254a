/** A chart as teams write them, as files of a repository. */
export const chart = (change: Record<string, string> = {}): Record<string, string> => ({
  'deploy/chart/Chart.yaml': 'apiVersion: v2\nname: shop-web\nversion: 1.2.3\n',
  'deploy/chart/values.yaml': 'image: { repository: web, tag: latest }\nreplicas: 1\nlevel: info\nlog: ""\n',
  'deploy/chart/templates/web.yaml': `# What serves.
apiVersion: apps/v1
kind: Deployment
metadata: { name: {{ .Release.Name }} }
spec:
  replicas: {{ .Values.replicas }}
  selector: { matchLabels: { app: {{ .Release.Name }} } }
  template:
    metadata: { labels: { app: {{ .Release.Name }} } }
    spec:
      containers:
        - name: main
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
          env: [{ name: LEVEL, value: {{ .Values.level | quote }} }]
        - { name: proxy, image: "envoy:1" }
`,
  'deploy/chart/templates/settings.yaml': `apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Release.Name }}-settings }
data: { level: {{ .Values.level | quote }}, secret: {{ .Values.trunkline.secret | quote }}, answer: "yes" }
`,
  'deploy/values-stage.yaml': 'replicas: 2\n',
  ...change,
})

/** A hook that a test lets fail. */
export const migration = (annotations: Record<string, string>): Record<string, string> => ({
  'deploy/chart/templates/migrate.yaml': `apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate
  annotations: { helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation }
spec:
  backoffLimit: 0
  template:
    metadata: { annotations: ${JSON.stringify(annotations)} }
    spec:
      restartPolicy: Never
      containers: [{ name: migrate, image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}" }]
`,
})
