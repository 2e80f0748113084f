# usage: live.sh TCPTOP-FLAG...
# Holds a few TCP connections, prints what each carried, and then what tcptop prints of them.
set -u
coproc load { exec /bin/load bulk -n 6 -max 20000 -hold; }
while read -r line <&"${load[0]}" && [[ $line != *'"ready":true'* ]]; do
	echo "$line"
done
/bin/tcptop -n 2 -b -o jsonl "$@"
status=$?
eval "exec ${load[1]}>&-" # it lets go
wait
exit "$status"
