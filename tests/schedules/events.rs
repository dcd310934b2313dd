//! What schedules are made for: each kind of event is counted, and has to happen in enough of them.

macro_rules! events {
    ($($side:ident { $($event:ident)* })*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Event {
            $($($event,)*)*
        }

        impl Event {
            $(pub(crate) const $side: &'static [Self] = &[$(Self::$event),*];)*
            const COUNT: usize = 0 $(+ Self::$side.len())*;
        }
    };
}

events! {
    WRITE {
        // What producers do.
        Write WriteAll WritePrefix SinkItem CopiedWrite Permit PermitDrop Batching BatchingPanic
        Dispatch Flush FlushGivenUp Close IntoParts Abort HandleDrop TaskDrop ProducerDrop Cancel
        WakerChange WaitForAnswer
        // What they are told.
        Full WaitForRoom TooLarge Refused Ticket TicketFailed HandBack
        // What the writer does.
        WriterWrites PartialWrite VectoredWrite WriterFlushes FlushUnasked WriterCloses Pending Stall
        Error WriteZero OverReport Panic WriteFromWithin
        // The writer's task in one with producers.
        RunUntil RunUntilNested RunUntilDrop RunUntilLeft RunUntilPanic
    }
    READ {
        // Calls of the buffer.
        Read ReadReady ReadCancel ReadLimit BufferFull Reserve Split SplitMut Freeze Advance
        OutOfBounds TakeTail FromTail TailRefused Find Parse ParseUndone ParsePanic
        // Frames, and reads through the buffer.
        Frame FrameTruncated FrameTooLong FrameRejected FrameContradicted FramePanic FramesOver
        ThroughRead ThroughFill ThroughConsume
        // What readers do.
        ReaderPending ReaderStall ReaderError ReaderEnd ReaderLie ReaderPanic NeighbourRead
    }
}

/// How often each kind of event happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally([u64; Event::COUNT]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; Event::COUNT])
    }
}

impl Tally {
    pub(crate) fn count(&mut self, event: Event) {
        self.0[event as usize] += 1;
    }

    pub(crate) fn of(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| *sum += more);
    }
}
