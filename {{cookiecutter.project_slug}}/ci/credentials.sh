# Read by a job's own shell. Gives it an identity at the cloud, at the image registry and at the forge, each where there is
# one. No secret is an argument of a command, and none lies in the project's folder.
umask 077
folder=$(mktemp -d)

# The clouds' libraries read these files by themselves, and again when a session ends.
if [ -n "${AWS_ROLE_ARN:-}" ]; then
  printf %s "$AWS_ID_TOKEN" >"$folder/aws"
  export AWS_WEB_IDENTITY_TOKEN_FILE="$folder/aws" AWS_DEFAULT_REGION="${AWS_REGION:-}"
fi
if [ -n "${AZURE_CLIENT_ID:-}" ]; then
  printf %s "$AZURE_ID_TOKEN" >"$folder/azure"
  export AZURE_FEDERATED_TOKEN_FILE="$folder/azure" AZURE_AUTHORITY_HOST=https://login.microsoftonline.com/
fi
if [ -n "${GCP_WORKLOAD_IDENTITY_PROVIDER:-}" ]; then
  printf %s "$GCP_ID_TOKEN" >"$folder/gcp"
  cat >"$folder/gcp.json" <<END
{
  "type": "external_account",
  "audience": "//iam.googleapis.com/$GCP_WORKLOAD_IDENTITY_PROVIDER",
  "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
  "token_url": "https://sts.googleapis.com/v1/token",
  "service_account_impersonation_url":
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/$GCP_SERVICE_ACCOUNT:generateAccessToken",
  "credential_source": {"file": "$folder/gcp"}
}
END
  export GOOGLE_APPLICATION_CREDENTIALS="$folder/gcp.json"
fi

# A registry of your own by REGISTRY_USER and REGISTRY_PASSWORD, else GitLab's by the job's identity.
image=$(.venv/bin/mlops settings | sed -n 's/^image=//p')
user=${REGISTRY_USER:-} password=${REGISTRY_PASSWORD:-}
if [ -z "$password" ] && [ "${image%%/*}" = "${CI_REGISTRY:-}" ]; then
  user=$CI_REGISTRY_USER password=$CI_REGISTRY_PASSWORD
fi
if [ -n "$password" ]; then
  printf '{"auths": {"%s": {"auth": "%s"}}}\n' "${image%%/*}" "$(printf %s:%s "$user" "$password" | base64 -w 0)" \
    >"$folder/config.json"
  export DOCKER_CONFIG="$folder" REGISTRY_AUTH_FILE="$folder/config.json"
fi
unset user password

# The runner wrote its own token into the remote's address, and that one may not push to a protected branch.
if [ -n "${GITLAB_TOKEN:-}" ] && [ -n "${CI_REPOSITORY_URL:-}" ]; then
  export GIT_CONFIG_COUNT=3
  export GIT_CONFIG_KEY_0="url.$CI_PROJECT_URL.git.insteadOf" GIT_CONFIG_VALUE_0="$CI_REPOSITORY_URL"
  export GIT_CONFIG_KEY_1="credential.$CI_SERVER_URL.helper" GIT_CONFIG_VALUE_1=""
  export GIT_CONFIG_KEY_2="credential.$CI_SERVER_URL.helper" GIT_CONFIG_VALUE_2="!sh '$CI_PROJECT_DIR/ci/git-credential'"
fi
umask 022
