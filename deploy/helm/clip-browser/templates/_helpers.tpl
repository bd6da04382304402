{{- define "clip-browser.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "clip-browser.labels" -}}
app.kubernetes.io/name: clip-browser
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "clip-browser.selector" -}}
app.kubernetes.io/name: clip-browser
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "clip-browser.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "clip-browser.mlImage" -}}
{{ .Values.mlImage.repository }}:{{ .Values.mlImage.tag | default .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What every part gets: where database, Redis and store are, and the settings. */}}
{{- define "clip-browser.env" -}}
- { name: CLIP_BROWSER_STACK, value: external }
- { name: CLIP_BROWSER_DATA_DIR, value: /data }
- name: CLIP_BROWSER_STOP_GRACE_S
  value: {{ .Values.stop.graceSeconds | quote }}
- { name: CLIP_BROWSER_DATABASE_URL_FILE, value: /run/secrets/clip-browser/database_url }
- { name: CLIP_BROWSER_REDIS_URL_FILE, value: /run/secrets/clip-browser/redis_url }
- { name: CLIP_BROWSER_STORE_URL_FILE, value: /run/secrets/clip-browser/store_url }
{{- range $variable, $value := .Values.settings }}
- name: {{ $variable }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "clip-browser.podSecurity" -}}
automountServiceAccountToken: false
serviceAccountName: {{ include "clip-browser.name" . }}
terminationGracePeriodSeconds: {{ add .Values.stop.graceSeconds .Values.stop.marginSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}

{{- define "clip-browser.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* What every container mounts. */}}
{{- define "clip-browser.mounts" -}}
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
- { name: secrets, mountPath: /run/secrets/clip-browser, readOnly: true }
{{- end }}

{{/* The secrets of a part: those of all, and of `more` (path: {name, key}) those that are named. */}}
{{- define "clip-browser.secrets" -}}
{{- $files := dict "database_url" .root.Values.secrets.database "redis_url" .root.Values.secrets.redis "store_url" .root.Values.secrets.store }}
{{- range $path, $secret := .more | default dict }}
{{- if $secret.name }}{{ $_ := set $files $path $secret }}{{ end }}
{{- end }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $path, $secret := $files }}
      - secret:
          name: {{ $secret.name }}
          items: [{ key: {{ $secret.key }}, path: {{ $path }} }]
      {{- end }}
{{- end }}

{{/* A worker is well while it takes messages: it touches a file every five seconds (workers/runtime/alive.py). */}}
{{- define "clip-browser.sign" -}}
readinessProbe:
  exec:
    command: [sh, -c, 'test -n "$(find /data/work/alive -name "*@$HOSTNAME" -newermt "60 seconds ago")"']
  periodSeconds: 15
  timeoutSeconds: 5
{{- end }}

{{/* A KEDA ScaledObject for a Deployment. Of all pods of the API that tell of a queue, the highest figure counts. */}}
{{- define "clip-browser.scaledObject" -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ .target }}
  labels: {{- include "clip-browser.labels" .root | nindent 4 }}
spec:
  scaleTargetRef: { name: {{ .target }} }
  minReplicaCount: {{ .scale.min }}
  maxReplicaCount: {{ .scale.max }}
  pollingInterval: {{ .root.Values.keda.pollingSeconds }}
  cooldownPeriod: {{ .scale.cooldownSeconds }}
  fallback:
    failureThreshold: {{ .root.Values.keda.fallback.failures }}
    replicas: {{ .root.Values.keda.fallback.replicas }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown:
          stabilizationWindowSeconds: {{ .scale.cooldownSeconds }}
  triggers:
    - type: prometheus
      metadata:
        serverAddress: {{ .root.Values.keda.prometheus.serverAddress | quote }}
        query: max(clip_browser_queue_demand{queue="{{ .scale.queue }}", {{ .root.Values.keda.prometheus.namespaceLabel }}="{{ .root.Release.Namespace }}"})
        threshold: {{ .perPod | quote }}
        activationThreshold: "0"
        ignoreNullValues: "false"
      {{- with .root.Values.keda.prometheus.authenticationRef }}
      authenticationRef: { name: {{ . }} }
      {{- end }}
{{- end }}
