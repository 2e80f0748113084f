# usage: live.sh TCPTOP-FLAG...
# Holds a few TCP connections, prints what each carried, and then what tcptop prints of them.
set -u
coproc load { exec /bin/load bulk -n 6 -max 20000 -hold; }
while read -r line <&"${load[0]}" && [[ $line != *'"ready":true'* ]]; do
	echo "$line"
done
/bin/tcptop -n 2 -b -o jsonl --fields event,source,laddr,lport,raddr,rport,pid,tx_bytes,rx_bytes "$@" # all fields take the serial line seconds
status=$?
eval "exec ${load[1]}>&-" # it lets go
wait
exit "$status"
