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

{{- define "clip-browser.gpuImage" -}}
{{ .Values.gpuImage.repository | default .Values.image.repository }}:{{ .Values.gpuImage.tag | default .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What every part gets: where database, Redis and store are, and the settings. */}}
{{- define "clip-browser.env" -}}
- { name: CLIP_BROWSER_STACK, value: external }
- { name: CLIP_BROWSER_DATA_DIR, value: /data }
- name: CLIP_BROWSER_STOP_GRACE_S
  value: {{ .Values.stop.graceSeconds | quote }}
{{- range $variable, $secret := dict "CLIP_BROWSER_DATABASE_URL" .Values.secrets.database "CLIP_BROWSER_REDIS_URL" .Values.secrets.redis "CLIP_BROWSER_STORE_URL" .Values.secrets.store }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef: {{ toJson $secret }}
{{- end }}
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
