{{/* The name of all objects: that of the release. */}}
{{- define "inkprint.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* By what its pods are found. */}}
{{- define "inkprint.selector" -}}
app.kubernetes.io/name: inkprint
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "inkprint.labels" -}}
{{ include "inkprint.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* What both modes have in their pods. */}}
{{- define "inkprint.pod" -}}
serviceAccountName: {{ include "inkprint.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if eq .Values.mode "node" }}
{{- with .Values.node.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
securityContext:
  {{- if eq .Values.mode "node" }}
  # The containers' logs are root's; of root's powers nothing is left but that.
  runAsUser: 0
  runAsGroup: 0
  {{- else }}
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: inkprint
    image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args: ["serve", "--config", "/etc/inkprint/inkprint.toml"]
    securityContext:
      readOnlyRootFilesystem: true
      allowPrivilegeEscalation: false
      capabilities:
        drop: ["ALL"]
        {{- if and (eq .Values.mode "node") .Values.node.readAllFiles }}
        add: ["DAC_READ_SEARCH"]
        {{- end }}
    env:
      # `credential:keyring` is read there: a secret is mounted as readable by a group, which a keyring in a path of its own must not be.
      - name: CREDENTIALS_DIRECTORY
        value: /etc/inkprint-keyring
      - name: NODE_NAME
        valueFrom:
          fieldRef:
            fieldPath: spec.nodeName
    ports:
      - name: admin
        containerPort: {{ .Values.admin.port }}
      {{- if eq .Values.mode "standalone" }}
      {{- range .Values.ports }}
      - name: {{ .name }}
        containerPort: {{ .port }}
        protocol: {{ .protocol | default "TCP" }}
      {{- end }}
      {{- end }}
    # Health is told to everybody; only the metrics and the API ask for the token.
    livenessProbe:
      httpGet:
        path: /livez
        port: admin
      periodSeconds: 20
      timeoutSeconds: 5
      failureThreshold: 3
    readinessProbe:
      httpGet:
        path: /readyz
        port: admin
      periodSeconds: 5
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      # Directories, not single files: what changes is put there anew, and is read at a reload.
      - name: config
        mountPath: /etc/inkprint
        readOnly: true
      - name: keyring
        mountPath: /etc/inkprint-keyring
        readOnly: true
      - name: admin
        mountPath: /etc/inkprint-secrets/admin
        readOnly: true
      {{- range .Values.secrets }}
      - name: secret-{{ . }}
        mountPath: /etc/inkprint-secrets/{{ . }}
        readOnly: true
      {{- end }}
      - name: state
        mountPath: /var/lib/inkprint
      {{- if eq .Values.mode "node" }}
      - name: logs
        mountPath: {{ .Values.node.logPath }}
        readOnly: true
      {{- end }}
{{- end -}}

{{- define "inkprint.volumes" -}}
- name: config
  configMap:
    name: {{ include "inkprint.name" . }}
- name: keyring
  secret:
    secretName: {{ .Values.keyring.secretName }}
    defaultMode: 0440
- name: admin
  secret:
    secretName: {{ .Values.admin.secretName }}
    defaultMode: 0440
{{- range .Values.secrets }}
- name: secret-{{ . }}
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end -}}
