# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Cases of run_drivers.sh for ALSA (snd-dummy, snd-aloop, snd-virmidi); see drivers_cases.sh.

case_amixer_contents() {
	amixer -q -c Dummy sset Master 0 nocap
	amixer -c Dummy contents
	amixer -c Loopback contents
	amixer -c Dummy scontents
	amixer -c Dummy info
}

case_amixer_set() {
	amixer -c Dummy cset name='Master Volume' 33,44
	amixer -c Dummy cget name='Master Volume'
	amixer -c Dummy sset Master 10 mute cap
	amixer -c Dummy sget Master
	amixer -c Dummy cset name='No Such' 1
	amixer -c Loopback cset iface=PCM,name='PCM Notify',device=0 on
	amixer -c Loopback cget iface=PCM,name='PCM Notify',device=0
	amixer -c Loopback cset iface=PCM,name='PCM Notify',device=0 off
	amixer -q -c Dummy sset Master 0 nocap
}

case_alsactl_store() {
	alsactl -f "$scratch/state" -O "$scratch/lock" store
	cat "$scratch/state"
}

case_alsactl_restore() {
	amixer -q -c Dummy cset name='Synth Volume' 21,22
	alsactl -f "$scratch/state" -O "$scratch/lock" store
	amixer -q -c Dummy cset name='Synth Volume' 1,2
	alsactl -f "$scratch/state" -O "$scratch/lock" restore Dummy
	amixer -c Dummy cget name='Synth Volume'
	amixer -q -c Dummy cset name='Synth Volume' 0,0
}

case_alsa_list() {
	aplay -l
	arecord -l
	amidi -l
}

case_alsa_parameters() {
	aplay -D hw:Dummy --dump-hw-params -d 1 -f S16_LE -r 44100 -c 2 /dev/zero 2>&1
	arecord -D hw:Loopback,1 --dump-hw-params -d 1 -f S32_LE -r 48000 -c 2 --buffer-time=4000000 -v "$scratch/out.wav" 2>&1
}
# What the hardware had done at that moment, and the names of scratch files.
filter_alsa_parameters() {
	sed -e 's,/tmp/[^ ]*/out.wav,out.wav,' -e '/appl_ptr\|hw_ptr/d'
}

# Play into one end, record from the other; the sound must come out as it went in. A
# tail of silence follows it, since the driver drops what has not passed when the
# player stops. An emulated machine that shares its processors falls seconds behind:
# hence the low rate, with which the recorder's buffer lasts half a minute, and a
# recorder that goes on until it has as much as there was time for (4 bytes a frame).
sound_loop() {
	program make-sound "$scratch/in.wav" "$1" "$2"
	rm -f "$scratch/out.wav"
	since=$(date +%s)
	$recorder -D hw:Loopback,1,0 -q -f "$1" -r 8000 -c "$2" --buffer-size=240000 --period-size=2000 \
		"$scratch/out.wav" &
	recording=$!
	await 60 larger_than "$scratch/out.wav" 1000
	$player -D hw:Loopback,0,0 -q --buffer-size=16000 --period-size=2000 "$scratch/in.wav"
	await 60 larger_than "$scratch/out.wav" $((($(date +%s) - since + 1) * 8000 * 4))
	kill -INT $recording
	wait $recording
	program compare-sound "$scratch/in.wav" "$scratch/out.wav"
}

case_alsa_loop() {
	player=aplay recorder=arecord
	sound_loop S16_LE 2
	sound_loop S32_LE 1
}

case_alsa_loop_32() {
	need_32 aplay
	player="program_32 aplay" recorder="exec_32 aplay -C"
	sound_loop S16_LE 2
}

# Between the two ports of the driver runs a cable of the sequencer's.
case_alsa_rawmidi() {
	stdbuf -o0 amidi -p hw:VirMIDI,1 -d >"$scratch/out" &
	listening=$!
	await 60 opened $listening midi
	aconnect 'Virtual Raw MIDI 2-0:0' 'Virtual Raw MIDI 2-1:0' && aconnect -l
	amidi -p hw:VirMIDI,0 -S '90 40 7f 80 40 00 f0 7e 7f 06 01 f7'
	await 60 seen 1 F7 "$scratch/out"
	kill $listening
	cat "$scratch/out"
	aconnect -d 'Virtual Raw MIDI 2-0:0' 'Virtual Raw MIDI 2-1:0'
}
filter_alsa_rawmidi() { sed 's/,pid=[0-9]*//'; }

case_alsa_sequencer() {
	aconnect -i
	aconnect -o
	aplaymidi -l
	aseqdump -l
	aconnect 'Virtual Raw MIDI 2-0:0' 'No such client:0'
}
# The number of the asking program.
filter_alsa_sequencer() { sed 's/,pid=[0-9]*//'; }

# Events of the mixer, while another program sets it.
case_alsa_events() {
	stdbuf -oL amixer -c Dummy events >"$scratch/out" &
	listening=$!
	await 60 seen 1 Ready "$scratch/out"
	amixer -q -c Dummy cset name='Synth Volume' 9,9
	amixer -q -c Dummy cset name='Synth Volume' 0,0
	await 60 seen 2 'Synth Volume' "$scratch/out"
	kill $listening
	cat "$scratch/out"
}

case_alsa_plug() {
	speaker-test -D plughw:Dummy -c 2 -t sine -l 1 -r 44100 2>&1
	program make-sound "$scratch/in.wav" S16_LE 2
	aplay -D plughw:Dummy -r 22050 -v "$scratch/in.wav" 2>&1
	aplay -D hw:Dummy -M "$scratch/in.wav" 2>&1
	aplay -D hw:Dummy -N "$scratch/in.wav" 2>&1
	arecord -D plughw:Dummy -f cd -d 1 -q "$scratch/out.wav" && stat -c %s "$scratch/out.wav"
	iecset -c Dummy 2>&1
}
filter_alsa_plug() { sed -e '/Time per period/d' -e '/appl_ptr\|hw_ptr/d' -e 's,/tmp/[^ ]*/in.wav,in.wav,'; }

case_alsa_link() {
	# Not snd-aloop, which tells in its mixer what was played last.
	program pcm-link Dummy
}

case_alsa_open_waits() {
	program pcm-wait Dummy
}

case_alsa_midi_file() {
	printf 'MThd\0\0\0\6\0\0\0\1\0\140MTrk\0\0\0\014\0\220\74\100\60\200\74\0\0\377\57\0' >"$scratch/in.mid"
	aplaymidi -p 'Virtual Raw MIDI 2-2' "$scratch/in.mid"
	echo $?
	arecordmidi -l
	aconnect -lio
}
filter_alsa_midi_file() { sed 's/,pid=[0-9]*//'; }
