//! Lets reports and wishes for whole pictures through to the application: the library's chain ends all of them
//! otherwise, and a viewer who came late would see nothing.

use rtc::interceptor::{Attribute, AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::time::Instant;

/// The most items taken out of one compound: browsers send a handful.
const MOST_ITEMS: usize = 64;

/// Marks PLI, FIR, receiver and sender reports for the application, one item a packet: a compound would go, whole, to
/// the track its first item names.
#[derive(Default)]
pub(super) struct Feedback {
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Feedback {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        let Packet::Rtcp(items) = &packet.message.packet else {
            self.inbound.push_back(packet);
            return Ok(());
        };
        let for_us: Vec<_> =
            items.iter().take(MOST_ITEMS).flat_map(|item| wanted(item.as_ref())).take(MOST_ITEMS).collect();
        for item in for_us {
            let message =
                AttributedPacket::new(Packet::Rtcp(vec![item])).with(Attribute::DeliverToApplication);
            self.inbound.push_back(TaggedPacket { now: packet.now, transport: packet.transport, message });
        }
        // The rest ends here, as it would behind: but facts that ride on it go on.
        if !packet.message.attributes.is_empty() {
            self.inbound.push_back(packet);
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl Interceptor for Feedback {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

/// The parts of an item the application acts on, each naming the one track it is about.
fn wanted(item: &dyn rtcp::Packet) -> Vec<Box<dyn rtcp::Packet>> {
    let any = item.as_any();
    if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
        return vec![Box::new(pli.clone())];
    }
    if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
        return vec![Box::new(fir.clone())];
    }
    let reports = |ssrc, reports: &[_]| -> Vec<Box<dyn rtcp::Packet>> {
        let one = |report: &rtcp::reception_report::ReceptionReport| {
            let report = ReceiverReport { ssrc, reports: vec![report.clone()], ..ReceiverReport::default() };
            Box::new(report) as Box<dyn rtcp::Packet>
        };
        reports.iter().map(one).collect()
    };
    if let Some(rr) = any.downcast_ref::<ReceiverReport>() {
        return reports(rr.ssrc, &rr.reports);
    }
    if let Some(sr) = any.downcast_ref::<SenderReport>() {
        let mut all = reports(sr.ssrc, &sr.reports);
        all.push(Box::new(SenderReport { reports: vec![], ..sr.clone() }));
        return all;
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtcp::reception_report::ReceptionReport;
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
    use rtc::shared::TransportContext;

    #[test]
    fn a_compound_becomes_one_packet_for_each_track_it_is_about() {
        let report = |ssrc| ReceptionReport { ssrc, ..ReceptionReport::default() };
        let items: Vec<Box<dyn rtcp::Packet>> = vec![
            Box::new(SenderReport {
                ssrc: 1,
                reports: vec![report(10), report(11)],
                ..SenderReport::default()
            }),
            Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc: 12 }),
            Box::new(TransportLayerNack::default()),
        ];
        let message = AttributedPacket::new(Packet::Rtcp(items));
        let mut chain = Feedback::default();
        let packet = TaggedPacket { now: Instant::now(), transport: TransportContext::default(), message };
        chain.handle_read(packet).unwrap();
        let mut about = Vec::new();
        while let Some(out) = chain.poll_read() {
            assert!(out.message.has(&Attribute::DeliverToApplication));
            let Packet::Rtcp(items) = out.message.packet else { panic!("not RTCP") };
            assert_eq!(items.len(), 1);
            about.push(items[0].destination_ssrc());
        }
        assert_eq!(about, [vec![10], vec![11], vec![1], vec![12]]);
    }
}
