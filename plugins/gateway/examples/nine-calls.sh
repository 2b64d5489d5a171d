#!/usr/bin/env bash
# All nine calls by curl against a running gateway, until every message is DELIVERED. Needs curl, and this in one environment:
#     pip install ./ ./plugins/gateway ./plugins/infobip
# With messaging-channels-infobip two emulators of Infobip stand behind the gateway, the platform's account and the tenant's, and report by signed
# webhooks. Without it the sandbox does. Nothing leaves this machine.
set -euo pipefail

python=$(command -v python3 || command -v python)
home=$(mktemp -d)
export MESSAGING_CHANNELS_HOME=$home MESSAGING_CHANNELS_CONFIG=$home/settings.toml
processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true; wait; rm -rf "$home"' EXIT

free_port() { "$python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
url=http://127.0.0.1:$port

emulator() { # NAME WEBHOOK-PATH: an account of Infobip
    "$python" -m messaging_channels_infobip.emulator --api-key "key-of-$1" --webhook-hmac-secret "secret-of-$1" \
        --webhook-url "$url/v1/webhooks/$2" >"$home/$1.url" &
    processes+=($!)
    until [ -s "$home/$1.url" ]; do sleep 0.05; done
}

section() { # NAME: its settings
    cat <<EOF
base_url = "$(head -1 "$home/$1.url")"
api_key = "key-of-$1"
webhook_hmac_secret = "secret-of-$1"
sms_sender = "Shop"
whatsapp_sender = "447700900999"
email_sender = "shop@example.com"
EOF
}

: >"$home/settings.toml"
if "$python" -c 'import messaging_channels_infobip.emulator' 2>/dev/null; then
    emulator platform infobip
    emulator tenant infobip/default
    { echo "[providers.infobip]"; section platform; echo "[accounts.default.infobip]"; section tenant; } >"$home/settings.toml"
    echo "behind the gateway: two emulated accounts of Infobip"
else
    echo "behind the gateway: the sandbox"
fi

key=$(messaging-channels keys create --name newcomer)
messaging-channels serve --port "$port" 2>"$home/log" &
processes+=($!)
until curl -sf "$url/ready" >"$home/ready"; do sleep 0.1; done

id=634b56217f6a7b0be52dffbd
json=(-sS --fail-with-body -H "x-api-key: $key" -H "Content-Type: application/json")
curl "${json[@]}" -X PUT "$url/v1/users/$id" -o "$home/answer" -d '{
  "username": "zoe",
  "channel": {"sms": "38598123456", "whatsapp": "38598123456", "email": "zoe@example.com"}}'
curl "${json[@]}" -X PUT "$url/v1/identities/$id" -o "$home/answer" -d '{
  "type": "person", "country": "HR",
  "person": {"contactInformation": {"phone": [{"number": "38598123456"}], "email": [{"address": "zoe@example.com"}]}}}'

text='"content": {"text": "My text message"}'
mail='"content": {"subject": "This is a test subject", "html": "<b>This is test html email message</b>", "text": "This is test text email message"}'
ids=()
call() { # PATH BODY
    echo "POST /v1/$1"
    curl "${json[@]}" -X POST "$url/v1/$1" -H "idempotency-key: $RANDOM$RANDOM$RANDOM" -d "$2" | tee "$home/answer"
    echo
    ids+=("$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["messages"][0]["messageId"])' "$home/answer")")
}

call apps/message/sms "{\"to\": \"38598123456\", $text}"
call apps/message/whatsapp "{\"to\": \"38598123456\", $text}"
call apps/message/email "{\"to\": \"zoe@example.com\", $mail}"
for channel in sms whatsapp; do
    call "users/$id/message/$channel" "{$text}"
    call "identities/$id/person/message/$channel" "{$text}"
done
call "users/$id/message/email" "{$mail}"
call "identities/$id/person/message/email" "{$mail}"

echo "and then:"
for message in "${ids[@]}"; do
    for _ in $(seq 100); do
        curl "${json[@]}" "$url/v1/messages/$message" -o "$home/answer"
        if grep -q '"groupName":"DELIVERED"' "$home/answer"; then
            echo "$message DELIVERED"
            continue 2
        fi
        sleep 0.1
    done
    echo "$message was not delivered" >&2
    cat "$home/answer" >&2
    exit 1
done
