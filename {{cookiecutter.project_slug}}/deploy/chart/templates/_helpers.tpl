{{- define "mlops.fullname" -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "mlops.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "mlops.version" -}}
{{- if not .Values.release }}
{{- fail "no `release`: add the environment's record, --values deploy/envs/<env>/release.yaml. `mlops release --env <env>` writes it." }}
{{- end }}
app.kubernetes.io/version: {{ .Values.release.id | quote }}
{{- end }}

{{- define "mlops.labels" -}}
{{- include "mlops.selector" . }}
{{ include "mlops.version" . }}
{{- end }}

{{- /* The smoke test's pods: no selector of the server's may match them. */}}
{{- define "mlops.smokeSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-smoke
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "mlops.metadata" -}}
name: {{ include "mlops.fullname" . }}
labels:
  {{- include "mlops.labels" . | nindent 2 }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{- define "mlops.facts" -}}
{{- with .Values.release -}}
mlops/release: {{ .id | quote }}
mlops/identity: {{ .identity | quote }}
mlops/commit: {{ .commit | quote }}
mlops/model: {{ .model.sha256 | quote }}
mlops/data: {{ .data.sha256 | quote }}
{{- end }}
{{- end }}

{{- define "mlops.image" -}}
{{- printf "%s@%s" .Values.release.image.repository .Values.release.image.digest | quote }}
{{- end }}

{{- define "mlops.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "mlops.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{- define "mlops.pullSecrets" -}}
{{- with .Values.imagePullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "mlops.nodes" -}}
{{- $where := dict }}
{{- range $key := list "nodeSelector" "tolerations" }}
{{- with get $.Values $key }}{{ $_ := set $where $key . }}{{ end }}
{{- end }}
{{- with $where }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "mlops.recordVolume" -}}
- name: release
  downwardAPI:
    items:
      - path: release.yaml
        fieldRef:
          fieldPath: metadata.annotations['mlops/release.yaml']
{{- end }}

{{- /* JSON, so that no hash is ever read as a number; and 1e-7 with the dot without which YAML 1.1 reads a text. */}}
{{- define "mlops.record" -}}
{{- regexReplaceAll `(":-?[0-9])e([-+])` (toJson (dict "release" .Values.release)) "${1}.0e${2}" }}
{{- end }}
