{{- /* What the Deployment and the StatefulSet have in common. */}}

{{- define "usher.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "usher.env" -}}
- name: USHER_BASE_URL
  value: {{ .Values.baseURL | quote }}
- name: USHER_DATA
  value: /var/lib/usher
- name: USHER_LISTEN
  value: ":8080"
- name: USHER_OPS_LISTEN
  value: ":9090"
- name: USHER_LIMITS_DRAIN
  value: {{ printf "%ds" (int .Values.drainSeconds) }}
- name: USHER_BOOTSTRAP_TOKEN_FILE
  value: /etc/usher/bootstrap/{{ .Values.bootstrap.provisioningKey }}
- name: USHER_BOOTSTRAP_ADMIN_TOKEN_FILE
  value: /etc/usher/bootstrap/{{ .Values.bootstrap.administratorKey }}
{{- if eq .Values.store.kind "mongodb" }}
- name: USHER_STORE_URI_FILE
  value: /etc/usher/store/{{ .Values.store.mongodb.key }}
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: USHER_TLS_CERT_FILE
  value: /etc/usher/tls/tls.crt
- name: USHER_TLS_KEY_FILE
  value: /etc/usher/tls/tls.key
{{- end }}
{{- end }}

{{- define "usher.mounts" -}}
- name: data
  mountPath: /var/lib/usher
- name: tmp
  mountPath: /tmp
- name: config
  mountPath: /etc/usher/config
  readOnly: true
- name: bootstrap
  mountPath: /etc/usher/bootstrap
  readOnly: true
{{- if eq .Values.store.kind "mongodb" }}
- name: store
  mountPath: /etc/usher/store
  readOnly: true
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: tls
  mountPath: /etc/usher/tls
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "usher.pod" -}}
metadata:
  labels:
    {{- include "usher.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # The file is read at the start only, so another file needs other pods.
    checksum/config: {{ toYaml .Values.config | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "usher.serviceAccount" . }}
  automountServiceAccountToken: false
  # Otherwise Kubernetes sets variables that begin with USHER_.
  enableServiceLinks: false
  # The sleep, the drain, and ten seconds for closing the store.
  terminationGracePeriodSeconds: {{ add (int .Values.preStopSeconds) (int .Values.drainSeconds) 10 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .Values.store.kind "mongodb" }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "usher.selector" $ | nindent 10 }}
    {{- end }}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              matchLabels:
                {{- include "usher.selector" . | nindent 16 }}
  initContainers:
    # Makes the indexes of this version, without which the server does not start on
    # data; it may run beside the version before, and again in every pod.
    - name: migrate
      image: {{ include "usher.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [migrate, --config, /etc/usher/config/usher.yaml]
      env:
        {{- include "usher.env" . | nindent 8 }}
      volumeMounts:
        {{- include "usher.mounts" . | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "usher.securityContext" . | nindent 8 }}
  {{- end }}
  containers:
    - name: usher
      image: {{ include "usher.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/usher/config/usher.yaml]
      env:
        {{- include "usher.env" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 8080
        - name: ops
          containerPort: 9090
      # The ops port opens when the data is at this version, which may take a while.
      startupProbe:
        httpGet:
          path: /livez
          port: ops
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet:
          path: /livez
          port: ops
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet:
          path: /readyz
          port: ops
        periodSeconds: 2
        timeoutSeconds: 1
        failureThreshold: 2
      {{- if .Values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.preStopSeconds }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "usher.securityContext" . | nindent 8 }}
      volumeMounts:
        {{- include "usher.mounts" . | nindent 8 }}
  volumes:
    {{- if eq .Values.store.kind "mongodb" }}
    # Nothing in it lasts: the control socket of this replica.
    - name: data
      emptyDir: {}
    - name: store
      secret:
        secretName: {{ .Values.store.mongodb.existingSecret }}
        defaultMode: 0440
    {{- end }}
    - name: tmp
      emptyDir: {}
    - name: config
      configMap:
        name: {{ include "usher.fullname" . }}
    - name: bootstrap
      secret:
        secretName: {{ .Values.bootstrap.existingSecret }}
        defaultMode: 0440
    {{- with .Values.tls.existingSecret }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
